"""The composition root: builds the use cases on the store of the settings. The only module that knows the adapters."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from sample_service.application.errors import InvalidStoreURL
from sample_service.application.ports import Clock, SampleItemStore, utc_now
from sample_service.application.use_cases.cancel_sample_item import CancelSampleItemUseCase
from sample_service.application.use_cases.confirm_sample_item import ConfirmSampleItemUseCase
from sample_service.application.use_cases.deliver_webhooks import DeliverWebhooksUseCase  # with: webhooks
from sample_service.application.use_cases.get_sample_item import GetSampleItemUseCase
from sample_service.application.use_cases.list_sample_items import ListSampleItemsUseCase
from sample_service.application.use_cases.place_sample_item import PlaceSampleItemUseCase
from sample_service.application.webhooks.ports import Outbox  # with: webhooks
from sample_service.config import Settings
from sample_service.infrastructure.dynamo_repo import DynamoSampleItemRepository  # with: dynamodb
from sample_service.infrastructure.memory_repo import InMemorySampleItemRepository
from sample_service.infrastructure.postgres_repo import PostgresSampleItemRepository  # with: postgres
from sample_service.infrastructure.sqlite_repo import SqliteSampleItemRepository  # with: sqlite
from sample_service.infrastructure.webhook_sender import HttpxWebhookSender  # with: webhooks

STORES: dict[str, Callable[[str], SampleItemStore]] = {
    "memory": InMemorySampleItemRepository.of_url,
    "sqlite": SqliteSampleItemRepository.of_url,  # with: sqlite
    "postgresql": PostgresSampleItemRepository.of_url,  # with: postgres
    "dynamodb": DynamoSampleItemRepository.of_url,  # with: dynamodb
}
"""The stores, by the scheme of their URLs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """What the service does, and how it is checked and closed."""

    place_sample_item: PlaceSampleItemUseCase
    get_sample_item: GetSampleItemUseCase
    list_sample_items: ListSampleItemsUseCase
    confirm_sample_item: ConfirmSampleItemUseCase
    cancel_sample_item: CancelSampleItemUseCase
    deliver_webhooks: DeliverWebhooksUseCase | None  # with: webhooks
    check_store: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]


def open_store(url: str) -> SampleItemStore:
    """Open the store of a URL. Raises `InvalidStoreURL`, `StoreUnavailable`."""
    scheme = urlsplit(url).scheme
    if scheme not in STORES:
        known = " or ".join(f"{each}://" for each in STORES)
        raise InvalidStoreURL(f"the URL of a store begins with {known}")
    return STORES[scheme](url)


# with: dynamodb:
async def create_table(settings: Settings) -> None:
    """Create the table of the settings' store unless it exists. Raises `InvalidStoreURL`, `StoreUnavailable`."""
    store = DynamoSampleItemRepository.of_url(settings.store)
    try:
        await store.create_table()
    finally:
        await store.close()


# end
def bootstrap(settings: Settings) -> UseCases:
    """Return the use cases on the store of the settings. Raises like `open_store`."""
    store = open_store(settings.store)
    return build_use_cases(
        store,
        deliver_webhooks=_delivery_from(store, settings),  # with: webhooks
    )


# with: webhooks:
def _delivery_from(store: SampleItemStore, settings: Settings) -> DeliverWebhooksUseCase | None:
    """Return what delivers the outbox of the store, if there is a receiver."""
    if not settings.webhook_url:
        return None
    if not isinstance(store, Outbox):
        raise InvalidStoreURL("this store has no outbox: unset SAMPLE_SERVICE_WEBHOOK_URL, or use another store")
    return DeliverWebhooksUseCase(store, HttpxWebhookSender(settings.webhook_url, settings.webhook_secret.split()))


# end
def build_use_cases(
    store: SampleItemStore,
    clock: Clock = utc_now,
    deliver_webhooks: DeliverWebhooksUseCase | None = None,  # with: webhooks
) -> UseCases:
    """Return the use cases on an open store."""
    return UseCases(
        place_sample_item=PlaceSampleItemUseCase(store, clock),
        get_sample_item=GetSampleItemUseCase(store),
        list_sample_items=ListSampleItemsUseCase(store),
        confirm_sample_item=ConfirmSampleItemUseCase(store, clock),
        cancel_sample_item=CancelSampleItemUseCase(store, clock),
        deliver_webhooks=deliver_webhooks,  # with: webhooks
        check_store=store.ping,
        close=store.close,
    )
