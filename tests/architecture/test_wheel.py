"""The wheel contains every file of the package, also SQL, mappings, Swagger UI and py.typed."""

import subprocess
import sys
import zipfile
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PACKAGE = CHECKOUT / "src" / "orderkeep"


def test_wheel_contains_every_file_of_the_package(tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    options = ["--wheel", "--offline", "--quiet", "--python", sys.executable, "--out-dir", str(tmp_path)]
    subprocess.run([uv, "build", *options, str(CHECKOUT)], check=True)

    [wheel] = tmp_path.glob("*.whl")
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}

    files = {path for path in PACKAGE.rglob("*") if path.is_file() and path.parent.name != "__pycache__"}
    ours = {path.relative_to(PACKAGE.parent).as_posix() for path in files}
    assert {"orderkeep/py.typed", "orderkeep/entrypoints/api/static/swagger-ui.css"} <= ours
    assert {name for name in shipped if name.startswith("orderkeep/")} == ours
