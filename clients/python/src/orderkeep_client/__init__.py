"""Client of the orderkeep order service.

`Orderkeep` and `AsyncOrderkeep` have a method for each operation. Bodies, results and errors are classes of this
package; each error code has one: `except CannotCancelOrder`.
"""

from orderkeep_client.client import AsyncOrderkeep, Orderkeep
from orderkeep_client.errors import ConnectionFailed, NotModified, OrderkeepError, ServiceError, etag_of
from orderkeep_client.generated.models import *  # noqa: F403
from orderkeep_client.generated.problems import *  # noqa: F403
from orderkeep_client.generated.types import UNSET, File, Unset
from orderkeep_client.pagination import afollow, aiterate, apages, follow, iterate, pages
from orderkeep_client.retries import Retries
from orderkeep_client.webhooks import InvalidWebhook, verify_webhook

__all__ = [
    "UNSET",
    "AsyncOrderkeep",
    "ConnectionFailed",
    "File",
    "InvalidWebhook",
    "NotModified",
    "Orderkeep",
    "OrderkeepError",
    "Retries",
    "ServiceError",
    "Unset",
    "afollow",
    "aiterate",
    "apages",
    "etag_of",
    "follow",
    "iterate",
    "pages",
    "verify_webhook",
]
