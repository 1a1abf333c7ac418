"""The image of the Dockerfile: replayed once per run, whichever of its processes needs it first."""

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import CHECKOUT, shared_folder
from tests.deploy.container import Container
from tests.deploy.replay import WHEELS, Image, Replay
from tests.servers.running import alone, free_port


@pytest.fixture(scope="session")
def image(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Image:
    if not any(WHEELS.glob("*.whl")):
        pytest.fail("the wheels of the image are not here: run make setup", pytrace=False)
    root = shared_folder(pytestconfig, tmp_path_factory)
    note = root / "image.pickle"
    with alone(root / "image.lock"):
        if not note.exists():
            built = Replay(CHECKOUT, root / "image").build((CHECKOUT / "Dockerfile").read_text(encoding="utf-8"))
            note.write_bytes(pickle.dumps(built))
    image: Image = pickle.loads(note.read_bytes())
    return image


@pytest.fixture
def container(image: Image, tmp_path: Path) -> Iterator[Container]:
    """A container of the image that asks for API keys, on a port of its own and on this machine alone; not started."""
    variables = {"ORDERKEEP_AUTH": "keys", "ORDERKEEP_HOST": "127.0.0.1", "ORDERKEEP_PORT": str(free_port())}
    with Container(image, tmp_path, variables) as container:
        yield container
