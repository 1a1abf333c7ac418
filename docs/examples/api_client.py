"""A client of the HTTP API in plain Python: retries, conflicts and pages. `python api_client.py http://127.0.0.1:8000`."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

ATTEMPTS = 5
TEMPORARY = {
    *("contention", "draining", "overloaded", "request_too_slow", "store_moved", "store_unavailable"),
    "too_many_requests",
}
"""Codes of errors after which the same request, with the same idempotency key, can succeed."""


class Problem(Exception):
    """An error response of the service."""

    def __init__(self, error: HTTPError) -> None:
        if error.headers.get_content_type() == "application/problem+json":
            problem = json.load(error)
        else:  # a proxy's response
            code = "store_unavailable" if error.code in (429, 502, 503, 504) else "unknown"
            problem = {"code": code, "detail": error.reason}
        super().__init__(f"{error.code} {problem['code']}: {problem['detail']}")
        self.status, self.code = error.code, problem["code"]


class Orders:
    """The orders of a service. With authentication enabled, pass an API key."""

    def __init__(self, url: str, api_key: str = "") -> None:
        self._url = url
        self._headers = {"Content-Type": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"

    def place(self, order: dict[str, Any], key: str) -> dict[str, Any]:
        """Place an order once, however often this is called with the same key."""
        return self._send("POST", "/orders", order, {"Idempotency-Key": key})[0]

    def cancel_if(self, order_id: str, condition: Callable[[dict[str, Any]], bool], key: str) -> dict[str, Any]:
        """Cancel the order if the condition is true for its current version. Return the order."""
        while True:
            order, etag = self._send("GET", f"/orders/{order_id}")
            if not condition(order):
                return order
            headers = {"Idempotency-Key": key, "If-Match": etag}
            try:
                return self._send("POST", f"/orders/{order_id}/cancel", {"reason": "customer request"}, headers)[0]
            except Problem as problem:
                if problem.code != "version_mismatch":
                    raise  # otherwise another client changed the order: read it again, and decide again

    def find(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield all matching orders, newest first, page by page."""
        while True:
            page, _ = self._send("GET", f"/orders?{urlencode(filters)}")
            yield from page["data"]
            if not page["has_more"]:
                return
            filters["cursor"] = page["next_cursor"]

    def _send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[dict[str, Any], str]:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._url + path, data, {**self._headers, **(headers or {})}, method=method)
        attempt = 0
        while True:
            attempt += 1
            try:
                with urlopen(request, timeout=30) as response:
                    return json.load(response), response.headers.get("ETag", "")
            except HTTPError as error:
                problem = Problem(error)
                if problem.code not in TEMPORARY or attempt == ATTEMPTS:
                    raise problem from error
                seconds = float(error.headers.get("Retry-After", attempt))
            except (OSError, HTTPException):  # no response: the service may or may not have processed the request
                if attempt == ATTEMPTS:
                    raise
                seconds = float(attempt)
            time.sleep(seconds)


if __name__ == "__main__":
    orders = Orders(sys.argv[1])
    for number in range(2001, 2006):
        placed = orders.place({"user_id": "user-7", "total": 4900, "currency": "EUR"}, key=f"order-{number}")
    again = orders.place({"user_id": "user-7", "total": 4900, "currency": "EUR"}, key="order-2005")
    print("placed twice:", placed["id"] == again["id"])
    cancelled = orders.cancel_if(placed["id"], lambda order: order["status"] == "pending", key="cancel-2005")
    print("cancelled:", cancelled["status"])
    for order in orders.find(user_id="user-7", limit=2):
        print(order["id"], order["status"])
