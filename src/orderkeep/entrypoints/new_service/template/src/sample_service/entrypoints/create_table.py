"""Creates the table of the settings' store: `python -m sample_service.entrypoints.create_table`."""

import asyncio
import sys

from sample_service.application.errors import InvalidStoreURL
from sample_service.bootstrap import create_table
from sample_service.config import InvalidSettings, load_settings
from sample_service.domain.exceptions import StoreUnavailable


def main() -> None:
    """Create the table unless it exists, and report its store."""
    try:
        settings = load_settings()
        asyncio.run(create_table(settings))
    except (InvalidSettings, InvalidStoreURL, StoreUnavailable) as error:
        sys.exit(f"sample-service: {error}")
    sys.stderr.write(f"sample-service: the table of {settings.store} can be used\n")


if __name__ == "__main__":
    main()
