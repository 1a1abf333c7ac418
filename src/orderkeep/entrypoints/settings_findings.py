"""Settings that do not fit together, or not for production."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from orderkeep.application.access.loopback import is_loopback
from orderkeep.application.use_cases.diagnose_store import Finding, Level
from orderkeep.config import Settings, unknown_variables


def settings_findings(settings: Settings) -> list[Finding]:
    """Return what is wrong with the settings, and what to do."""
    return [*_of_places(settings), *_of_access(settings), *_of_policies(settings), *_of_names()]


def _warning(code: str, message: str, action: str) -> Finding:
    return Finding(Level.WARNING, code, message, action)


def _of_places(settings: Settings) -> Iterator[Finding]:
    for name, url in (("ORDERKEEP_STORE", settings.store), ("ORDERKEEP_DOCUMENTS", settings.documents)):
        if urlsplit(url).scheme == "memory":
            what = "all orders are" if name == "ORDERKEEP_STORE" else "all documents are"
            yield _warning("memory_store", f"{what} lost when the process ends", f"set {name} to a place that lasts")


def _of_access(settings: Settings) -> Iterator[Finding]:
    if not settings.authentication and not is_loopback(settings.host):
        message = f"ORDERKEEP_HOST is {settings.host}, but without authentication other machines are rejected"
        yield _warning("no_authentication", message, "set ORDERKEEP_AUTH to keys or jwt, or remove ORDERKEEP_HOST")
    if settings.jwt_issuer and "jwt" not in settings.authentication:
        message = "ORDERKEEP_JWT_ISSUER has no effect: ORDERKEEP_AUTH does not include jwt"
        yield _warning("setting_without_effect", message, "add jwt to ORDERKEEP_AUTH, or unset ORDERKEEP_JWT_ISSUER")
    if settings.oidc_client_id and "jwt" not in settings.authentication:
        message = "ORDERKEEP_OIDC_CLIENT_ID has no effect: ORDERKEEP_AUTH does not include jwt"
        yield _warning(
            "setting_without_effect", message, "add jwt to ORDERKEEP_AUTH, or unset ORDERKEEP_OIDC_CLIENT_ID"
        )
    if settings.iam_scopes and "authorizer" not in settings.authentication:
        message = "ORDERKEEP_IAM_SCOPES has no effect: ORDERKEEP_AUTH does not include authorizer"
        action = "add authorizer to ORDERKEEP_AUTH on Lambda, or unset ORDERKEEP_IAM_SCOPES"
        yield _warning("setting_without_effect", message, action)


def _of_policies(settings: Settings) -> Iterator[Finding]:
    if settings.expire_after_hours:
        message = f"unpaid orders expire after {settings.expire_after_hours} hours, when `orderkeep expire` runs"
        action = "run `orderkeep expire` on a schedule, such as every hour"
        yield Finding(Level.NOTE, "expiry_needs_schedule", message, action)
    if settings.auto_confirm and settings.confirm_requires == "nothing":
        message = "every new order is confirmed when it is placed, before any payment"
        action = "set ORDERKEEP_CONFIRM_REQUIRES to authorized or paid, if that is not intended"
        yield Finding(Level.NOTE, "confirms_at_once", message, action)
    if settings.confirm_requires == "paid" and not settings.auto_confirm:
        message = "orders need to be paid and then confirmed by a request"
        action = "set ORDERKEEP_AUTO_CONFIRM to true, to confirm them with the payment"
        yield Finding(Level.NOTE, "confirms_by_request", message, action)


def _of_names() -> Iterator[Finding]:
    for message in unknown_variables():
        yield _warning("unknown_setting", message, "correct its name, or unset it")
