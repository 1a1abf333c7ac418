"""The HTTP door: FastAPI routes on the use cases. `app.create_app` makes one, `server.serve` runs one."""
