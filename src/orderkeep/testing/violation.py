"""What a broken store is answered with."""


class ContractViolation(AssertionError):
    """The store did what no store may do; the message says what was seen."""
