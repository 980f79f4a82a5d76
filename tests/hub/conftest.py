"""A Hub and a client for the tests of this folder, started once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.client import Client, environment
from tests.hub.server import running_hub
from tests.hub.state import Hub
from tests.hub.tiny import make_checkpoint


@pytest.fixture(scope="session")
def one_hub() -> Iterator[Hub]:
    with running_hub() as hub:
        yield hub


@pytest.fixture
def hub(one_hub: Hub) -> Iterator[Hub]:
    """An empty Hub without faults."""
    one_hub.faults.clear()
    one_hub.requests.clear()
    one_hub.repositories.clear()
    one_hub.large_files.clear()
    yield one_hub
    one_hub.faults.clear()


@pytest.fixture(scope="session")
def one_client(one_hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("client")
    impatient = {"HF_HUB_DOWNLOAD_TIMEOUT": "1", "HF_HUB_ETAG_TIMEOUT": "1"}
    client = Client(environment(one_hub.url, folder / "home", **impatient), folder / "log.txt")
    yield client
    client.stop()


@pytest.fixture
def client(one_client: Client, tmp_path: Path) -> Client:
    """Someone who may write, with an empty cache."""
    one_client.ask("home", path=str(tmp_path / "cache"))
    return one_client


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a Nested U-Net; not to be changed."""
    return make_checkpoint(tmp_path_factory.mktemp("checkpoints") / "nested_unet")
