"""What the rules reject. No HTTP status: the domain does not know that HTTP exists."""


class OrderError(Exception):
    """A request that the rules reject. Its text is for the client."""


class OrderNotFound(OrderError):
    def __init__(self, order_id: str) -> None:
        super().__init__(f"Order not found: {order_id}")


class NegativeTotal(OrderError):
    def __init__(self) -> None:
        super().__init__("The total must not be negative")


class CannotCancelOrder(OrderError):
    def __init__(self, status: str) -> None:
        super().__init__(f"Order cannot be cancelled: it is {status}")


class CannotShipOrder(OrderError):
    def __init__(self, status: str) -> None:
        super().__init__(f"Order cannot be shipped: it is {status}")


class ConcurrentUpdate(OrderError):
    def __init__(self, order_id: str) -> None:
        super().__init__(f"Order {order_id} was changed at the same time: try again")
