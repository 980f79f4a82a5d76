"""What the tests of the demo share."""

import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from metaseg.demo.workbench import Workbench
from metaseg.models import ARCHITECTURES
from metaseg.passes import Pass
from metaseg.segmenter import Segmenter
from tests.conftest import small_checkpoint
from tests.demo.browser import ARGUMENTS, CHROMIUM, open_page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, server) -> Iterator[Page]:
    page = open_page(browser, server)
    yield page
    page.close()


@pytest.fixture
def passes():
    return []


@pytest.fixture
def workbench(passes):
    segmenter = Segmenter([small_checkpoint(name) for name in ARCHITECTURES], device="cpu")
    for checkpoint in segmenter.checkpoints.values():
        checkpoint.network.encoder.register_forward_hook(lambda *_: passes.append(1))
    return Workbench(segmenter)


@pytest.fixture
def gate(monkeypatch):
    """Networks wait at this gate for every slice."""
    gate = threading.Event()
    run = Pass.run

    def waiting(self, batch):
        gate.wait(60)
        return run(self, batch)

    monkeypatch.setattr(Pass, "run", waiting)
    yield gate
    gate.set()
