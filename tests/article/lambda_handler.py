"""The article's entrypoints/lambda_handler.py as printed, import lines aside."""

# fmt: off
# ruff: noqa: I001
# mypy: ignore-errors
from mangum import Mangum
from fastapi import FastAPI
from tests.article.orders import router
app = FastAPI()
app.include_router(router)
handler = Mangum(app) # AWS Lambda entry point
