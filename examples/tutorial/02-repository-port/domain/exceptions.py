"""What the rules reject. No HTTP status: the domain does not know that HTTP exists."""


class OrderError(Exception):
    """A request that the rules reject. Its text is for the client."""


class NegativeTotal(OrderError):
    def __init__(self) -> None:
        super().__init__("The total must not be negative")


class CannotCancelOrder(OrderError):
    def __init__(self, status: str) -> None:
        super().__init__(f"Order cannot be cancelled: it is {status}")


class CannotShipOrder(OrderError):
    def __init__(self, status: str) -> None:
        super().__init__(f"Order cannot be shipped: it is {status}")
