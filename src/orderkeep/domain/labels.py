"""Labels: what lists find an order by, besides its fields and tags. A store keeps them among the tags of the order."""

from typing import Protocol

from orderkeep.domain.payments import PaymentStatus
from orderkeep.domain.returns import ReturnStatus

LABEL = "\x1f"
"""The prefix that distinguishes a label from a tag, which contains no control characters."""

UNLABELLED_PAYMENTS = (PaymentStatus.UNPAID, PaymentStatus.NONE_DUE)
"""The payment statuses of orders without payments. Like an order without returns, these have no label, so that most
orders have none at all.
"""


class Labelled(Protocol):
    """The values of an order that labels follow from."""

    @property
    def payment_status(self) -> str: ...
    @property
    def return_status(self) -> str: ...
    @property
    def on_hold(self) -> bool: ...
    @property
    def refund_due(self) -> int: ...
    @property
    def void_due(self) -> int: ...


def labels_of(order: Labelled) -> tuple[str, ...]:
    """Return the labels of an order. Staff must act if it is on hold, if a refund or a void is due, or if a return is
    requested: then one of them is `needs_attention`.
    """
    paid, returned = order.payment_status, order.return_status
    flags = [name for name in ("on_hold", "refund_due", "void_due") if getattr(order, name)]
    if paid in UNLABELLED_PAYMENTS and returned == ReturnStatus.NONE and not flags:
        return ()
    if flags or returned == ReturnStatus.REQUESTED:
        flags.append("needs_attention")
    if paid not in UNLABELLED_PAYMENTS:
        flags.append(label_of("payment_status", paid))
    if returned != ReturnStatus.NONE:
        flags.append(label_of("return_status", returned))
    return tuple([LABEL + flag for flag in flags])


def label_of(name: str, value: str) -> str:
    """Return the label of a status, without the prefix."""
    return f"{name}:{value}"
