"""Commands of the command line: output, messages and exit codes."""

import pytest

from tests.entrypoints.cli_calls import Run, place


def test_place_prints_the_sample_item(run: Run) -> None:
    placed = run("place", "First")
    [row] = placed.rows
    assert list(row) == ["id", "name", "created_at", "updated_at", "status", "version"]
    assert (placed.code, row["name"], row["status"], row["version"]) == (0, "First", "pending", 1)
    assert run("get", row["id"]).rows == [row]


def test_repeated_key_has_one_effect(run: Run) -> None:
    first = run("place", "First", "--key", "key")
    assert run("place", "First", "--key", "key").rows == first.rows
    assert run("place", "Second", "--key", "key").code == 4
    assert len(run("list").rows) == 1


def test_list_prints_pages_newest_first(run: Run) -> None:
    ids = [place(run, f"Name {number}") for number in range(3)]
    first = run("list", "--limit", "2")
    second = run("list", "--limit", "2", "--cursor", first.stderr.split()[-1])
    assert [row["id"] for row in (*first.rows, *second.rows)] == ids[::-1]
    assert second.stderr == ""
    run("cancel", ids[1])
    assert [row["id"] for row in run("list", "--status", "cancelled").rows] == [ids[1]]


def test_confirm_and_cancel_change_the_status(run: Run) -> None:
    id = place(run)
    assert run("confirm", id, "--if-version", "1").rows[0]["status"] == "confirmed"
    assert run("cancel", id).rows[0]["status"] == "cancelled"
    rejected = run("cancel", id)
    assert (rejected.code, rejected.stdout) == (4, "")
    assert rejected.stderr == "sample-service: Sample item cannot be cancelled: it is cancelled\n"
    assert run("confirm", id, "--if-version", "1").code == 4


@pytest.mark.parametrize(
    "arguments, code, message",
    [
        (("place", " "), 5, "sample-service: name must not be empty or blank\n"),
        (("list", "--limit", "0"), 5, "sample-service: limit must be from 1 to 200\n"),
        (("get", "unknown"), 3, "sample-service: Sample item not found\n"),
    ],
)
def test_invalid_argument_is_named(run: Run, arguments: tuple[str, ...], code: int, message: str) -> None:
    outcome = run(*arguments)
    assert (outcome.code, outcome.stderr) == (code, message)


def test_store_is_that_of_the_option_or_the_setting(run_alone: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_alone("--store", "memory://", "list").code == 0
    assert run_alone("--store", "memory://", "check").code == 0
    assert run_alone("--store", "unknown://", "list").code == 2
    monkeypatch.setenv("SAMPLE_SERVICE_STORE", "memory://")
    assert run_alone("list").code == 0
    monkeypatch.setenv("SAMPLE_SERVICE_STORE", "")
    empty = run_alone("list")
    assert (empty.code, empty.stderr.startswith("sample-service: SAMPLE_SERVICE_STORE: ")) == (2, True)


def test_unknown_variable_is_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_SERVICE_STOER", "memory://")
    assert "did you mean SAMPLE_SERVICE_STORE?" in run("list").stderr
