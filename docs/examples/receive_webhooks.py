"""Receives webhooks: verifies each signature, and processes each event once. Needs Python only."""

import base64
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
SEEN = set[str]()  # in production: a table with a unique key, in the same transaction as the effect of the event


class Webhooks(BaseHTTPRequestHandler):
    """Responds 204 to webhooks with a valid signature, and 401 to all other requests."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        event_id, timestamp = self.headers.get("webhook-id", ""), self.headers.get("webhook-timestamp", "")
        digest = hmac.digest(KEY, f"{event_id}.{timestamp}.".encode() + body, "sha256")
        expected = b"v1," + base64.b64encode(digest)
        is_signed = any(
            hmac.compare_digest(expected, each.encode()) for each in self.headers.get("webhook-signature", "").split()
        )
        is_valid = is_signed and abs(time.time() - int(timestamp)) < 300
        if is_valid and event_id not in SEEN:
            print(event_id, json.loads(body)["type"], flush=True)
            SEEN.add(event_id)
        self.send_response(204 if is_valid else 401)
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Webhooks).serve_forever()
