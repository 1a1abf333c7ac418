"""The files of a Lambda package, made small: Lambda loads less, and so starts sooner.

Sources of ours stay beside their byte code. Of what others wrote there is the byte code alone, without its docstrings;
a traceback still names its file, line and function. Nothing depends on when or where a package is made.
"""

import json
import re
import struct
import subprocess
import zlib
from pathlib import Path

import deflate

LEFT_OUT = re.compile(
    r"""
    (^|/)(__pycache__|tests?)/ | ^bin/ | ^\.lock$
    | \.(pyi|pyx|pxd|pxi|c|h|cpp|hpp|typed|md)$
    | \.dist-info/(?!METADATA$|entry_points\.txt$|licenses/|LICENSE|NOTICE)
    # No browser gets past IAM.
    | ^orderkeep/(__main__\.py|testing/|entrypoints/(cli/|console/|sample_orders\.py|api/server\.py|api/static/))
    | ^orderkeep/entrypoints/new_service/
    # What others bring for the old, for servers, tests, command lines and machines without compiled code.
    | ^anyio/(_backends/_trio|pytest_plugin)\.py$
    | ^aiohttp/(web|web_\w+|worker|pytest_plugin|test_utils)\.py$ | ^aiohttp/_websocket/(mask|reader_c)\.
    | ^idna/cli\.py$ | ^dotenv/(cli|__main__|ipython)\.py$
    | ^multidict/(_multidict_py\.py|_testcapi\.) | ^(yarl/_quoting|propcache/_helpers)_py\.py$
    | ^obstore/(fsspec\.py|auth/)
    | ^prometheus_client/(parser\.py|openmetrics/parser\.py|bridge/|twisted/|django/)
    | ^pydantic/(mypy\.py|experimental/|v1/) # FastAPI looks whether there is a v1, and takes no for an answer
    | ^urllib3/contrib/(pyopenssl|socks)\.py$ | ^urllib3/contrib/emscripten/ | ^urllib3/http2/connection\.py$
    | ^starlette/(testclient|middleware/wsgi)\.py$
    """,
    re.VERBOSE,
)
"""What is not needed where the service runs."""

TASK_ROOT = "/var/task/"
"""Where Lambda unpacks a package: what its tracebacks begin with."""

COMPILE = """
import ast, importlib.util, json, marshal, os, sys

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

def without_docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.copy_location(ast.Pass(), node.body[0])]
    return tree

for name, beside in json.load(sys.stdin).items():
    with open(name, "rb") as file:
        source = file.read()
    tree = ast.parse(source)
    code = compile(tree if beside else without_docstrings(tree), sys.argv[1] + name, "exec", dont_inherit=True)
    target = importlib.util.cache_from_source(name) if beside else name + "c"
    os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    unchecked = (1).to_bytes(4, "little")  # never compared with the source, which says nothing of when it was made
    with open(target, "wb") as file:
        file.write(importlib.util.MAGIC_NUMBER + unchecked + importlib.util.source_hash(source) + marshal.dumps(code))
    if not beside:
        os.unlink(name)
"""


def compile_sources(tree: Path, python: str) -> None:
    """Write the byte code of all sources, as that Python reads it. Raises `CalledProcessError`."""
    names = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*.py"))
    subprocess.run(
        # A traceback names the line, and not the columns in it: they are a tenth of the code, read at each cold start.
        [python, "-s", "-S", "-P", "-X", "no_debug_ranges", "-c", COMPILE, TASK_ROOT],
        cwd=tree,
        env={"LC_ALL": "C.UTF-8"},  # whoever builds decides nothing
        input=json.dumps({name: name.startswith("orderkeep/") for name in names}),
        capture_output=True,
        text=True,
        check=True,
    )


def shrink(path: Path) -> bytes:
    """Return what a package holds of a file: a library without symbols, metadata without the project's page."""
    content = path.read_bytes()
    if path.suffix == ".so":
        return without_symbols(content)
    if path.name == "METADATA":
        return content.partition(b"\n\n")[0] + b"\n"
    return content


def without_symbols(library: bytes) -> bytes:
    """Return a 64-bit ELF library without what only debuggers and linkers read: all behind what is loaded."""
    (headers,) = struct.unpack_from("<Q", library, 32)
    size, count = struct.unpack_from("<HH", library, 54)
    end = headers + size * count
    for number in range(count):
        offset, _, _, length = struct.unpack_from("<QQQQ", library, headers + size * number + 8)
        end = max(end, offset + length)
    kept = bytearray(library[:end])
    struct.pack_into("<Q", kept, 40, 0)  # there is no table of sections any more
    struct.pack_into("<HH", kept, 60, 0, 0)
    return bytes(kept)


def pack(tree: Path, archive: Path) -> None:
    """Write all files into a zip, by name, each as if made in 1980."""
    directory, position = [], 0
    partial = archive.with_suffix(".partial")
    with partial.open("wb") as out:
        for path in sorted(path for path in tree.rglob("*") if path.is_file()):
            name, content = path.relative_to(tree).as_posix().encode(), path.read_bytes()
            # zipfile knows zlib alone; libdeflate makes 3 % less of the same format.
            packed = deflate.deflate_compress(content, 12)
            what = struct.pack("<HHHHHIII", 20, 0x800, 8, 0, 33, zlib.crc32(content), len(packed), len(content))
            mode = 0o100755 if path.suffix == ".so" else 0o100644
            behind = struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, mode << 16, position)
            directory.append(b"PK\x01\x02" + struct.pack("<H", 3 << 8 | 20) + what + behind + name)
            written = b"PK\x03\x04" + what + struct.pack("<HH", len(name), 0) + name + packed
            position += out.write(written)
        entries = b"".join(directory)
        end = struct.pack("<HHHHIIH", 0, 0, len(directory), len(directory), len(entries), position, 0)
        out.write(entries + b"PK\x05\x06" + end)
    partial.replace(archive)
