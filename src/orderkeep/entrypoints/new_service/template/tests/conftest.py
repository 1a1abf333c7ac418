"""Fixtures of the entrypoints; and no setting of the developer's environment decides what a test sees."""

import os

pytest_plugins = [
    "tests.entrypoints.http_calls",  # with: api
    "tests.entrypoints.cli_calls",  # with: cli
    "tests.webhook_receiver",  # with: webhooks
]

for name in [name for name in os.environ if name.startswith("SAMPLE_SERVICE_") and "_TEST_" not in name]:
    del os.environ[name]
