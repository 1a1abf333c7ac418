"""The start of the HTTP server."""

import pytest

from sample_service.entrypoints.api.server import main


@pytest.mark.parametrize("name, value", [("PORT", "65536"), ("STORE", "unknown://")])
def test_server_reports_an_invalid_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"SAMPLE_SERVICE_{name}", value)
    with pytest.raises(SystemExit, match=r"^sample-service: "):
        main()
