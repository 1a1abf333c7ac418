"""A trace id is taken over where it is exactly as its specification has it, and nothing else gets into logs."""

import pytest

from orderkeep.entrypoints.logs import trace_id_in, trace_id_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GOOD = f"00-{TRACE}-00f067aa0ba902b7-01"
ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793"
XRAY = "5759e988bd862e3fe1be46a994272793"


def of(*values: str, name: str = "traceparent") -> str | None:
    return trace_id_of([(b"host", b"x"), *((name.encode(), value.encode("latin-1")) for value in values)])


@pytest.mark.parametrize(
    "value", [GOOD, GOOD[:-2] + "00", f"01-{TRACE}-00f067aa0ba902b7-01", f"cc{GOOD[2:]}-what-later"]
)
def test_takes_over_the_id_of_a_traceparent(value: str) -> None:
    assert of(value) == TRACE


@pytest.mark.parametrize(
    "value",
    [
        "", "00", GOOD[:-1], GOOD + "0", f"{GOOD}-more", f"ff{GOOD[2:]}", GOOD.upper(), f" {GOOD}", f"{GOOD} ",
        f"{GOOD}\n",
        f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE[:-1]}g-00f067aa0ba902b7-01",
        f"0x{GOOD[2:]}", GOOD.replace("-", "_"), f"00{GOOD}", f"{GOOD},{GOOD}", f"cc{GOOD[2:]}-\n", f"cc{GOOD[2:]}\xff",
        f"cc{GOOD[2:]}-{'x' * 500}", "jane@example.com", TRACE,
        f"00-{TRACE}-00f067aa0ba902b7-0\u0661".encode().decode("latin-1"),
    ],
)  # fmt: skip
def test_takes_over_nothing_else(value: str) -> None:
    assert of(value) is None


def test_two_of_them_say_nothing() -> None:
    assert of(GOOD, GOOD) is None
    assert of(ROOT, ROOT, name="x-amzn-trace-id") is None


@pytest.mark.parametrize(
    "value",
    [
        ROOT,
        f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=1",
        f"Self=1-67891234-12456789abcdef012345678;{ROOT}",
        f"Sampled=?; {ROOT}",
    ],
)
def test_takes_over_the_root_of_xray(value: str) -> None:
    assert (of(value, name="x-amzn-trace-id"), trace_id_in(value)) == (XRAY, XRAY)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Root=",
        ROOT.lower(),
        ROOT.upper(),
        ROOT + "0",
        ROOT[:-1],
        ROOT.replace("1-", "2-"),
        f"X{ROOT}",
        f"{ROOT}\n",
        "x" * 9_000,
    ],
)
def test_takes_over_nothing_else_of_xray(value: str) -> None:
    assert trace_id_in(value) is None


def test_traceparent_counts_before_what_a_load_balancer_adds() -> None:
    both = [(b"x-amzn-trace-id", ROOT.encode()), (b"traceparent", GOOD.encode())]
    assert trace_id_of(both) == TRACE
    assert trace_id_of([both[0], (b"traceparent", b"damaged")]) == XRAY
