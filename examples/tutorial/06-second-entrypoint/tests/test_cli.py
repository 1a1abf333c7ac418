"""The command line: arguments, output and exit codes. What the use cases do is tested in test_use_cases.py."""

import asyncio

import pytest
from httpx import ASGITransport, AsyncClient

from bootstrap import bootstrap
from entrypoints.api import create_app
from entrypoints.cli import main


def test_order_is_placed_shipped_and_read(capsys: pytest.CaptureFixture[str]) -> None:
    use_cases = bootstrap("memory")
    assert main(["place", "user-42", "9900"], use_cases) == 0
    order_id = capsys.readouterr().out.strip()
    assert main(["ship", order_id], use_cases) == 0
    assert capsys.readouterr().out == f"{order_id} shipped 9900 user-42\n"
    assert main(["get", order_id], use_cases) == 0
    assert capsys.readouterr().out == f"{order_id} shipped 9900 user-42\n"


def test_rejection_is_exit_code_1_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    use_cases = bootstrap("memory")
    main(["place", "user-42", "9900"], use_cases)
    order_id = capsys.readouterr().out.strip()
    assert main(["cancel", order_id], use_cases) == 0
    assert main(["cancel", order_id], use_cases) == 1
    assert capsys.readouterr().err == "Order cannot be cancelled: it is cancelled\n"


def test_http_reads_what_the_command_line_placed(capsys: pytest.CaptureFixture[str]) -> None:
    use_cases = bootstrap("memory")
    main(["place", "user-42", "9900"], use_cases)
    order_id = capsys.readouterr().out.strip()
    client = AsyncClient(transport=ASGITransport(create_app(use_cases)), base_url="http://service")
    assert asyncio.run(client.get(f"/orders/{order_id}")).json()["total"] == 9900
