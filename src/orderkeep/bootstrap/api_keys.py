"""From a store to the API keys that it keeps beside the orders, and to what knows who asks by them."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from orderkeep.application.ports import OrderStore
from orderkeep.domain.exceptions import StoreUnusable

if TYPE_CHECKING:
    from orderkeep.application.access.api_keys import ApiKeyStore
    from orderkeep.application.access.authenticator import Authenticator


@runtime_checkable
class KeepsApiKeys(Protocol):
    """A store of orders that keeps API keys too. Not every store does."""

    def api_keys(self) -> "ApiKeyStore":
        """Return where the keys are: as long as the store is open."""


def api_keys_of(store: OrderStore) -> "ApiKeyStore":
    """Return where the store keeps API keys. Raises `StoreUnusable` where it keeps none."""
    if not isinstance(store, KeepsApiKeys):
        raise StoreUnusable("this store does not support API keys")
    return store.api_keys()


def api_key_authenticator(store: OrderStore) -> "Authenticator":
    """Return what knows who asks by the API keys of the store, which stays the caller's to close. Raises
    `StoreUnusable` where it keeps none.
    """
    # Here, as whoever asks by other means, on Lambda say, has no use for it.
    from orderkeep.application.access.api_key_authenticator import ApiKeyAuthenticator

    return ApiKeyAuthenticator(api_keys_of(store))
