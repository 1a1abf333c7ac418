"""The HTTP server: `python -m sample_service.entrypoints.api.server`."""

import sys

import uvicorn

from sample_service.application.errors import InvalidStoreURL
from sample_service.bootstrap import bootstrap
from sample_service.config import InvalidSettings, load_settings, unknown_variables
from sample_service.domain.exceptions import StoreUnavailable
from sample_service.entrypoints.api.app import create_app


def main() -> None:
    """Serve until Ctrl+C or SIGTERM. Requests in progress are completed."""
    for warning in unknown_variables():
        sys.stderr.write(f"sample-service: {warning}\n")
    try:
        settings = load_settings()
        use_cases = bootstrap(settings)
    except (InvalidSettings, InvalidStoreURL, StoreUnavailable) as error:
        sys.exit(f"sample-service: {error}")
    uvicorn.run(create_app(use_cases), host=settings.host, port=settings.port)


if __name__ == "__main__":
    main()
