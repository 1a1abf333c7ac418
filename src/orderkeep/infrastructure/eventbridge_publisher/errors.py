"""What EventBridge reports, of a call or of one entry of it: what it means, and whether to send again."""

UNREACHABLE = "Unreachable"
NO_CREDENTIALS = "NoCredentials"
"""Codes of our own, for what happens before EventBridge can say anything."""

_STRANGER = "EventBridge does not accept these AWS credentials: give others"
_WAIT = "EventBridge limits the rate of this account: try again, or have the limit raised"
_AWAY = "EventBridge could not answer: try again"

MESSAGES = {
    UNREACHABLE: "EventBridge cannot be reached: try again, or look at the network and the endpoint",
    NO_CREDENTIALS: "no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give a role",
    "ResourceNotFoundException": "there is no such event bus in this region: create it, or name another bus or region",
    "AccessDeniedException": "these AWS credentials may not do this: allow events:PutEvents on the bus",
    "UnrecognizedClientException": _STRANGER,
    "InvalidSignatureException": _STRANGER,
    "IncompleteSignatureException": _STRANGER,
    "MissingAuthenticationTokenException": _STRANGER,
    "ExpiredTokenException": "these AWS credentials have expired: renew them",
    "ThrottlingException": _WAIT,
    "TooManyRequestsException": _WAIT,
    "RequestLimitExceeded": _WAIT,
    "LimitExceededException": _WAIT,
    "InternalException": _AWAY,
    "InternalFailure": _AWAY,
    "InternalServerError": _AWAY,
    "ServiceUnavailable": _AWAY,
}

EXPIRED = "ExpiredTokenException"
PASSING = {UNREACHABLE, EXPIRED} | {code for code, message in MESSAGES.items() if message in (_WAIT, _AWAY)}
"""These may go better a moment later."""


class PutFailed(Exception):
    """A call that took no entry, as far as anybody knows; or the code of one entry of it."""

    def __init__(self, code: str, said: str = "") -> None:
        message = MESSAGES.get(code, "EventBridge did not take the event")
        super().__init__(f"{message} ({code}{': ' if said else ''}{said})")
        self.code = code

    @property
    def is_passing(self) -> bool:
        """Tell whether the same may go better when it is sent again."""
        return self.code in PASSING
