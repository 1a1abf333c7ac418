"""Which URLs open a store, and which settings are valid."""

from datetime import UTC

import pytest

from sample_service.application.errors import InvalidStoreURL
from sample_service.application.ports import utc_now
from sample_service.bootstrap import STORES, open_store
from sample_service.config import InvalidSettings, load_settings, unknown_variables


@pytest.mark.parametrize(
    "url", ["unknown://", "no url", "", "memory://name", *(f"{each}://a/b?c#d" for each in STORES)]
)
def test_invalid_store_url_is_rejected(url: str) -> None:
    with pytest.raises(InvalidStoreURL):
        open_store(url)


def test_clock_is_in_utc() -> None:
    assert utc_now().tzinfo is UTC


async def test_memory_store_is_opened() -> None:
    await open_store("memory://").close()


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("PORT", "http", "SAMPLE_SERVICE_PORT: Input should be a valid integer"),  # with: http
        ("PORT", "65536", "SAMPLE_SERVICE_PORT: Input should be less than or equal to 65535"),  # with: http
        ("WEBHOOK_URL", "ftp://example.com", "SAMPLE_SERVICE_WEBHOOK_URL: must be a URL such as"),  # with: webhooks
        ("WEBHOOK_URL", "http://a b", "SAMPLE_SERVICE_WEBHOOK_URL: must be a URL such as"),  # with: webhooks
        ("WEBHOOK_URL", "http://example.com", "SAMPLE_SERVICE_WEBHOOK_SECRET: must be whsec_"),  # with: webhooks
        ("WEBHOOK_SECRET", "whsec_c2hvcnQ=", "SAMPLE_SERVICE_WEBHOOK_SECRET: must be whsec_"),  # with: webhooks
        ("STORE", "", "SAMPLE_SERVICE_STORE: is set but empty: set it to a value, or unset it"),
    ],
)
def test_invalid_setting_is_named_with_its_rule(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    message: str,
) -> None:
    monkeypatch.setenv(f"SAMPLE_SERVICE_{name}", value)
    with pytest.raises(InvalidSettings, match=f"^{message}"):
        load_settings()


def test_unknown_variable_is_reported_with_the_nearest_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_SERVICE_STOER", "memory://")
    monkeypatch.setenv("SAMPLE_SERVICE_STORE", "memory://")
    [warning] = unknown_variables()
    assert warning == "SAMPLE_SERVICE_STOER is not a setting: did you mean SAMPLE_SERVICE_STORE?"
