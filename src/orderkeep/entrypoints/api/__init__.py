"""The HTTP entrypoint: FastAPI routes that call the use cases. `app.create_app` creates it, `server.serve` runs it."""
