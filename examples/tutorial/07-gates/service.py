"""The application that `uvicorn service:app` serves."""

import os

from bootstrap import bootstrap
from entrypoints.api import create_app

app = create_app(bootstrap(os.environ.get("ORDERS_DB", "orders.db")))
