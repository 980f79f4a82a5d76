"""What people do in haste or by accident, in Chromium: nothing is lost and nothing stays."""

import threading

import pytest
from playwright.sync_api import expect

from metaseg.demo.store import Store
from tests.demo.browser import (
    OTHER,
    PHONE,
    SLICE,
    carry,
    drawing,
    give,
    middle_of,
    needs_chromium,
    open_page,
    pictures,
    pinch,
    save_volume,
    set_threshold,
    touches,
    wait_for,
)

pytestmark = [needs_chromium, pytest.mark.slow]
THUMBNAIL = """canvas => canvas.getContext("2d").getImageData(0, 0, 56, 56).data
    .filter((_, at) => at % 4 < 3).reduce((sum, value) => sum + value, 0)"""


def test_two_downloads_at_once_both_arrive(page):
    give(page, SLICE)
    names = []
    page.on("download", lambda download: names.append(download.suggested_filename))
    page.locator("#more-takes summary").click()
    with page.expect_download(), page.expect_download():
        page.locator("#take-zip").click()
        page.locator("#take-mask").click()
    expect(page.locator("#handover [aria-busy]")).to_have_count(0)
    page.wait_for_timeout(300)
    assert len(set(names)) == 2


def test_a_download_that_fails_is_told_and_can_be_tried_again(page, monkeypatch):
    give(page, SLICE)
    with monkeypatch.context() as full:
        full.setattr("metaseg.demo.downloads.write_zip", fail)
        page.locator("#take-zip").click()
        expect(page.get_by_text("The server cannot store the results now")).to_be_visible()
        expect(page.locator("#take-zip")).not_to_have_attribute("aria-busy", "true")
    with page.expect_download():
        page.locator("#take-zip").click()


def fail(*arguments, **options):
    raise OSError(28, "No space left on device")


def test_undo_in_the_middle_of_a_stroke_leaves_the_stroke_whole(page):
    give(page, SLICE)
    page.keyboard.press("p")
    x, y = middle_of(pictures(page).last)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y, steps=3)
    page.keyboard.press("Control+z")
    page.mouse.move(x + 60, y, steps=3)
    page.mouse.up()
    expect(page.locator("#verdict")).to_contain_text("outlines changed on 1 slice")
    page.locator("#undo").click()
    expect(page.locator("#verdict")).not_to_contain_text("Reviewed")
    expect(page.locator("#undo")).to_be_disabled()


def test_another_layout_in_the_middle_of_a_drag_ends_it(page):
    give(page, SLICE)
    plain = drawing(page, 0)
    for key, goes_on in (("p", True), ("p", False), ("+", True)):  # strokes, then a moved picture
        page.keyboard.press(key)
        x, y = middle_of(pictures(page).last)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 30, y, steps=3)
        page.keyboard.press("v")
        expect(pictures(page)).to_have_count(1)
        if goes_on:
            page.mouse.move(x + 60, y, steps=3)
        page.mouse.up()
        page.keyboard.press("Escape")
        page.keyboard.press("v")
        expect(pictures(page)).to_have_count(2)
    expect(page.locator("#undo")).to_be_disabled()
    page.keyboard.press("0")
    assert drawing(page, 0) == plain


def test_a_scan_given_while_the_last_is_removed_is_opened(page, monkeypatch):
    give(page, SLICE)
    removing, stuck, forget = threading.Event(), [], Store.forget
    monkeypatch.setattr(Store, "forget", lambda *given: removing.wait(60) and forget(*given))
    page.evaluate(
        "document.addEventListener('metaseg:forgotten', () => { window.forgotten = true; })"
    )
    page.route("**/upload*", lambda route: stuck.append(route))
    page.locator("#clear").click()
    with page.expect_request("**/upload*"):
        carry(page, "drop", OTHER)
    removing.set()
    page.wait_for_function("window.forgotten")
    stuck.pop().continue_()
    wait_for(page, OTHER.stem)


def test_two_fingers_do_not_paint(browser, server):
    page = open_page(browser, server, PHONE, has_touch=True)
    give(page, SLICE)
    page.locator("[data-tool=paint]").click()
    page.evaluate("scrollTo(0, 0)")
    x, y = middle_of(pictures(page).last)
    send = touches(page)
    send("touchStart", (x - 30, y))
    pinch(send, x, y)
    page.wait_for_timeout(300)
    assert page.locator("#zoom").text_content() != "100 %"
    expect(page.locator("#undo")).to_be_disabled()
    page.close()


def test_on_a_phone_the_picture_stays_when_the_threshold_moves(browser, server):
    page = open_page(browser, server, PHONE, has_touch=True)
    give(page, SLICE)
    page.locator("#regions .show").first.click()
    expect(pictures(page).last).to_be_in_viewport(ratio=0.9)
    page.evaluate("scrollTo(0, 0)")
    set_threshold(page, "0.4")
    expect(page.locator("#regions [aria-busy]")).to_have_count(0)
    page.wait_for_timeout(500)
    assert page.evaluate("scrollY") == 0
    page.close()


def test_the_next_lesion_is_the_one_that_x_rejects(page, tmp_path):
    give(page, save_volume(tmp_path, (0, 1, 0, 0, 1, 0)))
    chosen = page.locator("#regions .selected")
    seen = []
    for _ in range(2):
        page.keyboard.press("n")
        drawing(page)
        seen.append((page.locator("#where").inner_text(), chosen.get_attribute("data-region")))
    assert len({where for where, _ in seen}) == 2 and len({region for _, region in seen}) == 2
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    page.wait_for_timeout(400)
    expect(page.locator("#undo")).to_be_disabled()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("x")
    expect(page.locator("#verdict")).to_contain_text("1 region rejected")


def test_the_pictures_of_regions_stay_in_another_plane(page, tmp_path):
    give(page, save_volume(tmp_path, (0, 1, 1, 1, 1, 1, 0)))
    page.get_by_role("button", name="Coronal", exact=True).click()
    set_threshold(page, "0.41")
    expect(page.locator("#regions[aria-busy]")).to_have_count(0)
    assert page.locator("#regions canvas").first.evaluate(THUMBNAIL) > 10_000


def test_a_lost_upload_is_sent_again(page):
    stuck = []
    page.route("**/upload*", lambda route: stuck.append(route))
    carry(page, "drop", OTHER)
    page.locator("#cancel").click()
    expect(page.locator("#notice")).to_contain_text("Cancelled")
    page.unroute("**/upload*")
    page.locator("#cancel", has_text="Run again").click()
    wait_for(page, OTHER.stem)


@pytest.mark.parametrize("count", [1, 2])
def test_files_that_the_browser_cannot_read_are_told(page, count):
    """A file that was moved after it was chosen: whatever asks for its bytes fails."""
    page.route("**/upload*", lambda route: route.abort())
    page.evaluate(
        """count => {
            const gone = new DataTransfer();
            for (let n = 0; n < count; n++) gone.items.add(new File(["x"], `slice${n}.dcm`));
            Blob.prototype.text = () => Promise.reject(new DOMException("gone", "NotFoundError"));
            document.dispatchEvent(new DragEvent("drop", { dataTransfer: gone, bubbles: true }));
        }""",
        count,
    )
    expect(page.locator("#notice")).to_contain_text("could not be sent: check that it is still")


def test_a_review_outlives_a_cancelled_run(page, gate):
    gate.set()
    page.get_by_role("radio", name="Attention U-Net").check()
    give(page, OTHER)
    page.locator("#regions .reject").first.click()
    expect(page.locator("#verdict")).to_contain_text("Reviewed: 1 region rejected.")
    gate.clear()
    page.get_by_role("radio", name="Both").check()
    page.locator("#cancel", has_text="Cancel").click()
    expect(page.locator("#notice")).to_contain_text("Cancelled")
    gate.set()
    page.locator("#cancel", has_text="Run again").click()
    expect(page.locator("#verdict")).to_contain_text("Reviewed: 1 region rejected.")
    expect(page.locator("#notice")).to_be_hidden()
