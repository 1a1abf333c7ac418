"""The application that `uvicorn service:app` serves."""

from fastapi import FastAPI

from domain.exceptions import OrderError
from entrypoints.api import rejection, router

app = FastAPI()
app.include_router(router)
app.add_exception_handler(OrderError, rejection)
