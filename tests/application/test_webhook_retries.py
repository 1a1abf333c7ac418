"""The retry schedule, and what the log keeps of a response."""

from __future__ import annotations

import pytest

from orderkeep.application.webhooks.delivery_log import redacted
from orderkeep.application.webhooks.schedule import DEFAULT_SCHEDULE, RetrySchedule


def test_default_schedule_covers_three_days() -> None:
    assert RetrySchedule.of(DEFAULT_SCHEDULE).delays == (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)


@pytest.mark.parametrize("text", ["", "5,", "5,,6", "0", "-1", "1.5", "a", "604801", "²", ",".join(31 * ["5"])])
def test_invalid_schedule_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        RetrySchedule.of(text)


def test_jitter_makes_delays_up_to_a_fifth_longer() -> None:
    schedule = RetrySchedule.of("100, 200")
    assert schedule.delay(1, None, lambda: 0.0) == 100
    assert schedule.delay(2, None, lambda: 1.0) == pytest.approx(240)
    assert schedule.delay(3, None, lambda: 0.0) is None


@pytest.mark.parametrize("asked, expected", [(50.0, 100), (150.0, 150), (1e9, 86_400), (0.0, 100)])
def test_retry_after_only_lengthens_the_delay(asked: float, expected: float) -> None:
    assert RetrySchedule.of("100").delay(1, asked, lambda: 0.0) == expected


def test_retry_after_adds_no_attempt() -> None:
    assert RetrySchedule.of("100").delay(2, 5.0, lambda: 0.0) is None


@pytest.mark.parametrize(
    "body, expected",
    [
        (b"thanks", "thanks"),
        (b'{"token": "abc", "ok": true}', '{"token": "***", "ok": true}'),
        (b"password=hunter2&x=1", "password=***&x=1"),
        (b"Authorization: Bearer abcdefgh.ij", "Authorization: Bearer ***"),
        (b"sent whsec_MDEyMzQ1Njc4OWFi back", "sent *** back"),
        (b"key ok_0123456789_abcdefghijk", "key ***"),
        (b"jwt eyJhbGciOi.eyJzdWIi.c2ln!", "jwt ***!"),
        (b"mail jo@example.com now", "mail *** now"),
        (b"digest 0123456789abcdef0123456789abcdef.", "digest ***."),
        (b"-----BEGIN PRIVATE KEY-----\nMII\nxyz", "***"),
        (b"a\x00b\r\nc\x1b[31m\xff", "a b  c [31m\ufffd"),
        (b"x" * 20 + b" " + b"y " * 2_000, "x" * 20 + " " + "y " * 501 + "y"),
    ],
)
def test_logged_response_is_redacted(body: bytes, expected: str) -> None:
    assert redacted(body) == expected
