"""The image does what it says: the Dockerfile is replayed; what comes of it is run, asked, stopped and run again."""

import re
import shlex
import struct
import sys
from dataclasses import replace
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import httpx
import pytest
from packaging.markers import Marker

from tests.conftest import CHECKOUT
from tests.deploy import trees
from tests.deploy.container import Container
from tests.deploy.replay import Image
from tests.entrypoints.http_calls import ORDER
from tests.servers.running import free_port

GRACE_SECONDS = 15
"""What the pages give a container to end, once it is told to."""

HOW_TO, ON_KUBERNETES = (
    (CHECKOUT / "docs" / "how-to" / "deploy" / page).read_text(encoding="utf-8")
    for page in ("containers.md", "kubernetes.md")
)


def test_a_container_keeps_an_order_over_a_stop_and_a_start(container: Container) -> None:
    container.start()
    with httpx.Client(base_url=container.url, headers=container.shown()) as client:
        placed = client.post("/orders", json=ORDER, headers={"Idempotency-Key": "in-a-container"})
        assert placed.status_code == 201
        assert container.stop(GRACE_SECONDS) == 0
        container.start()
        assert client.get(placed.headers["location"]).content == placed.content
    assert container.stop(GRACE_SECONDS) == 0
    assert container.written() == []
    assert "Traceback" not in container.said()


def test_container_does_not_start_without_authentication(image: Image, tmp_path: Path) -> None:
    with Container(image, tmp_path, {"ORDERKEEP_PORT": str(free_port())}) as container:
        with pytest.raises(RuntimeError, match=r"refusing to listen on 0\.0\.0\.0 without authentication: "):
            container.start()
        assert container.process is not None
        assert container.process.wait(GRACE_SECONDS) == 2
        assert "set ORDERKEEP_AUTH=keys and create a key with `orderkeep keys create`" in container.said()
        assert container.written() == []


def test_first_key_is_created_as_documented_and_required(container: Container) -> None:
    told = re.search(r"\$\(docker exec orderkeep (orderkeep keys create .+)\)\n", HOW_TO)
    others = re.findall(r"\borderkeep (keys create .+)\)\n", HOW_TO + ON_KUBERNETES)
    assert told
    assert others == [told[1].removeprefix("orderkeep ")] * 3
    assert "--env ORDERKEEP_AUTH=keys" in HOW_TO
    container.start()
    made = container.execute(*shlex.split(told[1]))
    assert made.returncode == 0, made.stderr
    with httpx.Client(base_url=container.url) as client:
        assert client.post("/orders", json=ORDER).status_code == 401
        shown = {"Authorization": f"Bearer {made.stdout.strip()}"}
        assert client.post("/orders", json=ORDER, headers=shown).status_code == 201
        assert [client.get(path).status_code for path in ("/livez", "/readyz", "/metrics")] == [200, 200, 200]
    assert container.written() == []


def test_commands_work_in_a_container_that_can_write_its_volume_only(container: Container) -> None:
    assert container.run("place", "--user", "user-7", "--total", "99.00", "--currency", "EUR").returncode == 0
    assert container.run("verify").stdout == "orders\t1\nchanges\t1\nproblems\t0\n"
    assert container.run("export", "orders.jsonl").returncode == 0
    elsewhere = container.run("export", str(trees.at(container.image.root, "/opt/orders.jsonl")))
    assert (elsewhere.returncode, "Permission denied" in elsewhere.stderr) == (2, True)
    assert container.written() == []


def test_the_backup_of_the_page_is_taken_in_a_container_and_can_be_verified(container: Container) -> None:
    told = re.search(r"docker exec orderkeep (orderkeep backup .+)", HOW_TO)
    assert told
    assert container.run("place", "--user", "user-7", "--total", "99.00", "--currency", "EUR").returncode == 0
    assert container.execute(*shlex.split(told[1])).returncode == 0
    verified = container.run("--store", "sqlite:///backup.db", "verify")
    assert verified.stdout == "orders\t1\nchanges\t1\nproblems\t0\n"
    assert container.written() == []


def test_a_container_whose_volume_is_not_its_own_says_so_and_ends(image: Image, tmp_path: Path) -> None:
    planted = replace(image, owners={"/var/lib/orderkeep": "0:0"})
    with Container(planted, tmp_path, {"ORDERKEEP_HOST": "127.0.0.1", "ORDERKEEP_PORT": "0"}) as container:
        with pytest.raises(RuntimeError, match="the store cannot be opened"):
            container.start()
        assert container.process is not None
        assert container.process.wait(GRACE_SECONDS) == 7


def test_container_is_unhealthy_if_the_service_does_not_respond(container: Container) -> None:
    assert container.health().returncode == 1


def test_a_container_is_not_healthy_while_its_store_is_away(container: Container) -> None:
    container.image.environment["ORDERKEEP_STORE"] = "postgresql://nobody@127.0.0.1:9/orders"
    container.start([word.replace("/readyz", "/livez") for word in container.image.health])
    assert container.health().returncode == 1


def test_the_image_listens_to_all_and_says_what_it_serves(image: Image) -> None:
    assert image.environment["ORDERKEEP_HOST"] == "0.0.0.0"
    assert image.ports == [image.environment["ORDERKEEP_PORT"]]
    assert image.volumes == [image.folder]


def test_the_image_has_what_was_locked_and_nothing_else(image: Image) -> None:
    [packages] = trees.at(image.root, "/opt/orderkeep/lib").glob("python3.*/site-packages")
    installed = {
        found.name.removesuffix(".dist-info").replace("_", "-").lower() for found in packages.glob("*.dist-info")
    }
    lock = (CHECKOUT / "requirements" / "stores.txt").read_text(encoding="utf-8")
    locked = re.findall(r"^([a-z0-9-]+)==([^ ]+)(?: ; (.+?))? \\$", lock, flags=re.MULTILINE)
    wanted = {f"{name}-{version}" for name, version, when in locked if not when or Marker(when).evaluate()}
    assert installed == wanted | {f"orderkeep-{image.labels['org.opencontainers.image.version']}"}


def test_every_module_is_compiled_for_the_source_that_lies_beside_it(image: Image) -> None:
    modules = [*trees.at(image.root, "/opt/orderkeep/lib").rglob("*.py")]
    assert len(modules) > 500
    assert [module for module in modules if not _is_compiled(module)] == []


def _is_compiled(module: Path) -> bool:
    compiled = module.parent / "__pycache__" / f"{module.stem}.{sys.implementation.cache_tag}.pyc"
    if not compiled.exists():
        return False
    head, status = compiled.read_bytes()[:16], module.stat()
    return head == MAGIC_NUMBER + struct.pack("<III", 0, int(status.st_mtime), status.st_size)


def test_nothing_of_the_build_is_left_in_the_image(image: Image) -> None:
    folders = {path.name for path in image.root.iterdir()}
    assert folders == {"opt", "root", "tmp", "usr", "var"}
    assert [path.name for path in trees.at(image.root, "/opt").iterdir()] == ["orderkeep"]
    assert list(trees.at(image.root, "/var/lib/orderkeep").iterdir()) == []
