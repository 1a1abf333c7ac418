"""Why a token does not count: for the log at its finest, never for whoever sent it."""


class TokenRefused(Exception):
    """The token does not count. The text names the rule, and holds nothing of the token."""
