"""What a terminal shows: money in major units, nothing that a customer's text could do to it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.plain_text import plain, plain_data
from tests.entrypoints.cli_calls import on_a_terminal, run

ORDER = {
    "id": "o-1",
    "user_id": "anna",
    "total": 9650,
    "currency": "EUR",
    "status": "cancelled",
    "created_at": "2026-11-22T10:00:00.123456Z",
    "updated_at": "2026-11-23T11:00:00Z",
    "lines": [{"sku": "A1", "name": "[red]Lamp[/red]", "quantity": 2, "unit_price": 4750, "discount": 0, "tax": 150}],
    "shipping": 0,
    "discount": 0,
    "tax": 0,
    "external_ref": None,
    "tags": ["gift", "b2b"],
    "metadata": {"note": "one\ntwo"},
    "cancellation": {"reason": "late", "note": None, "at": "2026-11-23T11:00:00Z"},
    "version": 2,
}


@pytest.mark.parametrize(
    "text, shown",
    [
        ("Chloé 日本 😀", "Chloé 日本 😀"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b2Jgone", "gone"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPdevice\x1b\\after", "after"),
        ("a\r\nb\tc\u2028d", "a b c d"),
        ("bell\x07\x00\x7f\x85", "bell "),
        ("\u202eevil\u202c", "evil"),
        ("half\ud800", "half"),
    ],
)
def test_texts_are_shown_without_what_a_terminal_obeys(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text(st.characters(exclude_categories=[]) | st.sampled_from("\x1b\x9b\x9d[]0m;\x07\\")))
def test_nothing_that_a_terminal_obeys_is_ever_left(text: str) -> None:
    assert not {character for character in plain(text) if ord(character) < 32 or 127 <= ord(character) < 160}


def test_an_order_is_shown_with_money_in_major_units(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_order(ORDER)
    shown = capsys.readouterr().out
    rows = [line.split() for line in shown.splitlines()]
    assert ["total", "96.50", "EUR"] in rows
    assert ["created", "at", "2026-11-22", "10:00:00"] in rows
    assert ["metadata", "note:", "one", "two"] in rows
    assert ["cancellation", "reason:", "late"] in rows
    assert ["A1", "[red]Lamp[/red]", "2", "47.50", "0.00", "1.50"] in rows
    assert "shipping" not in shown


def test_unknown_field_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_order({**ORDER, "gift_message": "Happy birthday"})
    assert ["gift", "message", "Happy", "birthday"] in [line.split() for line in capsys.readouterr().out.splitlines()]


def test_metadata_is_not_shortened_like_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_order({**ORDER, "metadata": {"at": "Tuesday or Thursday, after noon"}})
    assert "at: Tuesday or Thursday, after noon" in capsys.readouterr().out


def test_a_narrow_terminal_shows_whole_columns_and_names_the_rest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    output.print_rows(("id", "status", "user_id"), [["0192-abc", "processing", "a-long-name"]])
    heading, row, *more = capsys.readouterr().out.splitlines()
    assert (heading.split(), row.split()) == (["id", "status"], ["0192-abc", "processing"])
    assert " ".join(" ".join(more).split()) == "(this terminal is too narrow for user id)"


def test_empty_list_prints_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_rows(("id",), [])
    assert capsys.readouterr().out == ""


HOSTILE = "a\x1b[31m\x9b2J\u202eb\u2066c\u2028\x7f\x85"


def test_data_on_a_terminal_has_control_characters_escaped() -> None:
    data = json.dumps({"name": HOSTILE, "note": "one\ntwo\tthree"}, ensure_ascii=False).encode()
    shown = plain_data(data)
    assert json.loads(shown) == json.loads(data)
    assert shown.decode().isprintable()
    assert plain_data(b'"a\tb"\r\nc\rd\r\n') == b'"a\tb"\r\nc\\u000dd\r\n'


def test_customer_text_cannot_control_the_terminal(tmp_path: Path) -> None:
    order = {"user_id": "anna", "total": 1, "currency": "EUR", "tags": ["\u202eevil\u2066"]}
    (tmp_path / "order.json").write_text(json.dumps(order), encoding="utf-8")
    placed = json.loads(run("place", "--data", "order.json", cwd=tmp_path).stdout)
    assert placed["tags"] == order["tags"]
    for command in (["get", placed["id"], "--json"], ["get", placed["id"]], ["list", "--json"], ["list"], ["export"],
                    ["export", "--format", "csv"], ["history", placed["id"], "--json"]):  # fmt: skip
        seen, _ = on_a_terminal(*command, cwd=tmp_path, stream="stdout")
        assert "evil" in seen or command == ["list"], command
        assert not {"\u202e", "\u2066"} & {*seen}, command


@pytest.mark.parametrize(
    "arguments", [["get", HOSTILE], ["get", "x", HOSTILE], [f"--{HOSTILE}"], [HOSTILE], ["list", "--limit", HOSTILE]]
)
@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_arguments_are_repeated_without_control_characters(
    tmp_path: Path, arguments: list[str], debug: list[str]
) -> None:
    for as_json in ([], ["--json"]):
        given = [each.replace("\x7f", "") for each in arguments]
        done = run(*debug, *as_json, *given, cwd=tmp_path)
        assert done.returncode in (2, 3)
        said = done.stderr.decode()
        assert said
        assert "".join(said.split("\n")).isprintable(), said
