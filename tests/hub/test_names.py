"""Names on the Hub."""

import pytest

from metaseg.errors import InputError
from metaseg.hub.names import HubName
from metaseg.hub.push import plain_repo_id

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_name_with_and_without_a_revision():
    assert HubName.parse("someone/brain") == HubName("someone/brain")
    assert HubName.parse("some-one/brain_v1.2@v1") == HubName("some-one/brain_v1.2", "v1")
    assert HubName.parse("someone/brain", "v1") == HubName("someone/brain", "v1")
    assert str(HubName.parse("someone/brain@refs/pr/1")) == "someone/brain@refs/pr/1"


def test_a_commit_is_pinned_and_a_branch_is_not():
    assert HubName.parse(f"someone/brain@{COMMIT}").is_pinned
    assert not HubName.parse("someone/brain@main").is_pinned
    assert not HubName.parse("someone/brain").is_pinned


@pytest.mark.parametrize(
    "text",
    [
        *["", "brain", "a/b/c", "some one/brain", "someone/brain/", "https://host/someone/brain"],
        *["/brain", "./brain", "../brain", "someone/..", "someone/-brain", "someone/a--b"],
        *["@v1", "someone/brain@"],
    ],
)
def test_what_is_no_name(text: str):
    assert not HubName.fits(text)
    with pytest.raises(InputError, match="use the form USER/NAME"):
        HubName.parse(text)


def test_one_revision_is_enough():
    with pytest.raises(InputError, match="Two revisions"):
        HubName.parse("someone/brain@v1", "v2")


def test_nothing_is_published_to_a_revision():
    assert plain_repo_id("someone/brain") == "someone/brain"
    with pytest.raises(InputError, match="use --tag"):
        plain_repo_id("someone/brain@v1")
