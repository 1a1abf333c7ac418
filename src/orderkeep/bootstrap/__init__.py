"""The composition root: builds the use cases and their adapters from the settings."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from orderkeep.application.access.openid_sign_in import SignInProvider
from orderkeep.application.change_order import OrderCommand
from orderkeep.application.event_feed import EventFeed
from orderkeep.application.ports import (
    Authenticator,
    DocumentStore,
    EventPublisher,
    OrderStore,
    ReceiptRenderer,
    StoreAccess,
)
from orderkeep.application.use_cases.add_note import AddNoteUseCase
from orderkeep.application.use_cases.add_refund import AddRefundUseCase
from orderkeep.application.use_cases.add_shipment import AddShipmentUseCase
from orderkeep.application.use_cases.authenticate import AuthenticateUseCase
from orderkeep.application.use_cases.cancel_lines import CancelLinesUseCase
from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from orderkeep.application.use_cases.close_refund import CloseRefundUseCase
from orderkeep.application.use_cases.close_return import CloseReturnUseCase
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.count_orders import CountOrdersUseCase
from orderkeep.application.use_cases.create_api_key import CreateApiKeyUseCase
from orderkeep.application.use_cases.create_checkpoint import CreateCheckpointUseCase
from orderkeep.application.use_cases.create_webhook import CreateWebhookUseCase
from orderkeep.application.use_cases.delete_webhook import DeleteWebhookUseCase
from orderkeep.application.use_cases.deliver_order import DeliverOrderUseCase
from orderkeep.application.use_cases.deliver_shipment import DeliverShipmentUseCase
from orderkeep.application.use_cases.deliver_webhooks import DeliverWebhooksUseCase
from orderkeep.application.use_cases.diagnose_store import DiagnoseStoreUseCase
from orderkeep.application.use_cases.edit_note import EditNoteUseCase
from orderkeep.application.use_cases.edit_order import EditOrderUseCase
from orderkeep.application.use_cases.end_session import EndSessionUseCase
from orderkeep.application.use_cases.erase_personal_data import ErasePersonalDataUseCase
from orderkeep.application.use_cases.expire_orders import ExpireOrdersUseCase
from orderkeep.application.use_cases.export_orders import ExportOrdersUseCase
from orderkeep.application.use_cases.export_person import ExportPersonUseCase
from orderkeep.application.use_cases.export_to_document import ExportToDocumentUseCase
from orderkeep.application.use_cases.find_order import FindOrderUseCase
from orderkeep.application.use_cases.follow_events import FollowEventsUseCase
from orderkeep.application.use_cases.get_document import GetDocumentUseCase
from orderkeep.application.use_cases.get_event import GetEventUseCase
from orderkeep.application.use_cases.get_order import GetOrderUseCase
from orderkeep.application.use_cases.get_order_actions import GetOrderActionsUseCase
from orderkeep.application.use_cases.get_order_at import GetOrderAtUseCase
from orderkeep.application.use_cases.get_order_history import GetOrderHistoryUseCase
from orderkeep.application.use_cases.get_statistics import GetStatisticsUseCase
from orderkeep.application.use_cases.get_webhook import GetWebhookUseCase
from orderkeep.application.use_cases.hold_order import HoldOrderUseCase
from orderkeep.application.use_cases.import_orders import ImportOrdersUseCase
from orderkeep.application.use_cases.issue_receipt import IssueReceiptUseCase
from orderkeep.application.use_cases.list_api_keys import ListApiKeysUseCase
from orderkeep.application.use_cases.list_documents import ListDocumentsUseCase
from orderkeep.application.use_cases.list_events import ListEventsUseCase
from orderkeep.application.use_cases.list_orders import ListOrdersUseCase
from orderkeep.application.use_cases.list_webhook_deliveries import ListWebhookDeliveriesUseCase
from orderkeep.application.use_cases.list_webhooks import ListWebhooksUseCase
from orderkeep.application.use_cases.pause_webhook import PauseWebhookUseCase
from orderkeep.application.use_cases.place_order import PlaceOrderUseCase
from orderkeep.application.use_cases.publish_events import PublishEventsUseCase
from orderkeep.application.use_cases.receive_return import ReceiveReturnUseCase
from orderkeep.application.use_cases.record_payment import RecordPaymentUseCase
from orderkeep.application.use_cases.release_order import ReleaseOrderUseCase
from orderkeep.application.use_cases.replay_webhook import ReplayWebhookUseCase
from orderkeep.application.use_cases.request_return import RequestReturnUseCase
from orderkeep.application.use_cases.resume_session import ResumeSessionUseCase
from orderkeep.application.use_cases.resume_webhook import ResumeWebhookUseCase
from orderkeep.application.use_cases.revoke_api_key import RevokeApiKeyUseCase
from orderkeep.application.use_cases.rotate_webhook_secret import RotateWebhookSecretUseCase
from orderkeep.application.use_cases.search_orders import SearchOrdersUseCase
from orderkeep.application.use_cases.send_webhook_test import SendWebhookTestUseCase
from orderkeep.application.use_cases.ship_order import ShipOrderUseCase
from orderkeep.application.use_cases.start_openid_session import StartOpenIdSessionUseCase
from orderkeep.application.use_cases.start_session import StartSessionUseCase
from orderkeep.application.use_cases.update_shipment import UpdateShipmentUseCase
from orderkeep.application.use_cases.update_statistics import UpdateStatisticsUseCase
from orderkeep.application.use_cases.update_webhook import UpdateWebhookUseCase
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.application.webhooks.schedule import DEFAULT_SCHEDULE, RetrySchedule
from orderkeep.application.webhooks.sending import WebhookSender
from orderkeep.application.webhooks.subscriptions import WebhookRecords
from orderkeep.bootstrap.access import KeepsApiKeys, api_keys_of, open_authenticators, open_sign_in
from orderkeep.bootstrap.documents import DEFAULT_DOCUMENTS, open_documents, receipt_renderers
from orderkeep.bootstrap.events import open_publisher
from orderkeep.bootstrap.store_copy import open_movable_store
from orderkeep.bootstrap.stores import DEFAULT_STORE, records_of, schema_of
from orderkeep.bootstrap.webhooks import open_sender
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.domain.policies import NO_POLICIES, Policies
from orderkeep.infrastructure.checkpoint_files import Ed25519CheckpointFiles

if TYPE_CHECKING:  # pydantic-settings doubles the start-up time of the command line, which does not need it
    from orderkeep.config import Settings

AnyCommand = TypeVar("AnyCommand", bound=OrderCommand)

CHECK_SECONDS = 1.5
"""How long a store may take to respond to a readiness check."""


@dataclass(frozen=True, slots=True)
class UseCases:
    """All use cases of the service. `check_store` raises `StoreUnavailable` while orders cannot be read and written.
    `get_schema` returns the schema version of the store and the one that it needs, or None for a store without schemas.
    `stop_waiting` ends the requests that wait for events, and the streams: the process ends.
    """

    place_order: PlaceOrderUseCase
    find_order: FindOrderUseCase
    get_order: GetOrderUseCase
    get_order_actions: GetOrderActionsUseCase
    get_order_at: GetOrderAtUseCase
    get_order_history: GetOrderHistoryUseCase
    list_orders: ListOrdersUseCase
    search_orders: SearchOrdersUseCase
    confirm_order: ConfirmOrderUseCase
    ship_order: ShipOrderUseCase
    deliver_order: DeliverOrderUseCase
    cancel_order: CancelOrderUseCase
    cancel_lines: CancelLinesUseCase
    hold_order: HoldOrderUseCase
    release_order: ReleaseOrderUseCase
    add_shipment: AddShipmentUseCase
    update_shipment: UpdateShipmentUseCase
    deliver_shipment: DeliverShipmentUseCase
    record_payment: RecordPaymentUseCase
    add_refund: AddRefundUseCase
    close_refund: CloseRefundUseCase
    request_return: RequestReturnUseCase
    receive_return: ReceiveReturnUseCase
    close_return: CloseReturnUseCase
    edit_order: EditOrderUseCase
    add_note: AddNoteUseCase
    edit_note: EditNoteUseCase
    erase_personal_data: ErasePersonalDataUseCase
    export_person: ExportPersonUseCase
    issue_receipt: IssueReceiptUseCase
    list_documents: ListDocumentsUseCase
    get_document: GetDocumentUseCase
    list_events: ListEventsUseCase
    get_event: GetEventUseCase
    follow_events: FollowEventsUseCase
    expire_orders: ExpireOrdersUseCase
    import_orders: ImportOrdersUseCase
    export_orders: ExportOrdersUseCase
    export_to_document: ExportToDocumentUseCase
    get_statistics: GetStatisticsUseCase
    count_orders: CountOrdersUseCase
    update_statistics: UpdateStatisticsUseCase
    diagnose_store: DiagnoseStoreUseCase
    verify_orders: VerifyOrdersUseCase
    create_checkpoint: CreateCheckpointUseCase
    create_api_key: CreateApiKeyUseCase
    list_api_keys: ListApiKeysUseCase
    revoke_api_key: RevokeApiKeyUseCase
    create_webhook: CreateWebhookUseCase
    list_webhooks: ListWebhooksUseCase
    get_webhook: GetWebhookUseCase
    update_webhook: UpdateWebhookUseCase
    delete_webhook: DeleteWebhookUseCase
    pause_webhook: PauseWebhookUseCase
    resume_webhook: ResumeWebhookUseCase
    send_webhook_test: SendWebhookTestUseCase
    rotate_webhook_secret: RotateWebhookSecretUseCase
    replay_webhook: ReplayWebhookUseCase
    list_webhook_deliveries: ListWebhookDeliveriesUseCase
    deliver_webhooks: DeliverWebhooksUseCase
    publish_events: PublishEventsUseCase
    authenticate: AuthenticateUseCase
    start_session: StartSessionUseCase
    start_openid_session: StartOpenIdSessionUseCase
    resume_session: ResumeSessionUseCase
    end_session: EndSessionUseCase
    check_store: Callable[[], Awaitable[None]]
    get_schema: Callable[[], Awaitable[tuple[int, int] | None]]
    stop_waiting: Callable[[], None]
    close: Callable[[], Awaitable[None]]


def bootstrap(
    store_url: str = DEFAULT_STORE,
    *,
    documents_url: str = DEFAULT_DOCUMENTS,
    seller: str = "",
    auto_migrate: bool = True,
    access: StoreAccess = StoreAccess.CREATE,
    policies: Policies = NO_POLICIES,
    local: bool = True,
    moved_to: str = "",
) -> UseCases:
    """Open the order store and the document store and return the use cases; `close` them at the end. `seller` is the
    seller's name and address on receipts. In `local` mode, webhooks may be sent to this machine. `moved_to` is the
    store to which the orders are moved, or will be.

    Raises `InvalidStoreURL`, `InvalidDocumentsURL`, `ExtraNotInstalled`, and `StoreUnavailable` if the store cannot be
    opened.
    """
    documents = open_documents(documents_url)
    store = open_movable_store(store_url, moved_to, auto_migrate=auto_migrate, access=access)
    return build_use_cases(store, documents, receipt_renderers(seller), policies=policies, sender=open_sender(local))


def bootstrap_from_settings(settings: "Settings", access: StoreAccess = StoreAccess.CREATE) -> UseCases:
    """Open the stores and authenticators of the settings. Raises like `bootstrap`, and `InvalidEventsURL`."""
    if settings.events:
        open_publisher(settings.events)  # an invalid URL must be reported now, not by the relay
    documents = open_documents(settings.documents)
    store = open_movable_store(settings.store, settings.moved_to, auto_migrate=settings.auto_migrate, access=access)
    authenticators = open_authenticators(settings, store)
    sign_in = open_sign_in(settings, authenticators)
    policies = Policies(
        settings.confirm_requires, settings.ship_requires, settings.auto_confirm, settings.expire_after_hours
    )
    return build_use_cases(
        store,
        documents,
        receipt_renderers(settings.seller),
        authenticators,
        policies,
        sender=open_sender(not settings.authentication),
        retry_schedule=settings.webhook_retry_schedule,
        open_publisher=partial(open_publisher, settings.events) if settings.events else None,
        sign_in=sign_in,
    )


async def check_store(store: OrderStore) -> None:
    """Return if the store is ready. Raises `StoreUnavailable`, at the latest after `CHECK_SECONDS`."""
    task = asyncio.ensure_future(store.ping())
    try:
        await asyncio.wait([task], timeout=CHECK_SECONDS)
    finally:
        task.cancel()  # if it is not done, without waiting for it: the driver may wait for the server to confirm
    if not task.done():
        raise StoreUnavailable(f"the store did not respond within {CHECK_SECONDS:g} seconds")
    task.result()


def build_use_cases(
    store: OrderStore,
    documents: DocumentStore | None = None,
    renderers: Mapping[str, ReceiptRenderer] | None = None,
    authenticators: Sequence[Authenticator] = (),
    policies: Policies = NO_POLICIES,
    *,
    sender: WebhookSender | None = None,
    retry_schedule: str = DEFAULT_SCHEDULE,
    open_publisher: Callable[[], EventPublisher] | None = None,
    sign_in: SignInProvider | None = None,
) -> UseCases:
    """Return the use cases on open stores. By default documents are stored in memory, every token is rejected, webhooks
    may be sent to this machine, and there is neither an event bus nor a provider to sign in at.
    """
    documents = documents or open_documents("memory://")
    renderers = receipt_renderers() if renderers is None else renderers
    open_keys, open_records = partial(api_keys_of, store), partial(records_of, store)
    authenticate = AuthenticateUseCase(authenticators)
    sender = sender or open_sender(True)
    webhooks = WebhookRecords(open_records)
    commands: list[OrderCommand] = []

    def command(use_case: type[AnyCommand]) -> AnyCommand:
        commands.append(built := use_case(repo=store, history=store, policies=policies))
        return built

    update_statistics = UpdateStatisticsUseCase(store, partial(records_of, store))

    feed = EventFeed(store, store)

    async def close() -> None:
        feed.stop()
        async with AsyncExitStack() as opened:  # closes all in reverse order, even if one fails
            for close_one in (store.close, documents.close, sender.close, *(each.close for each in authenticators)):
                opened.push_async_callback(close_one)
            if sign_in:
                opened.push_async_callback(sign_in.close)

    return UseCases(
        place_order=command(PlaceOrderUseCase),
        find_order=FindOrderUseCase(store),
        get_order=GetOrderUseCase(store),
        get_order_at=GetOrderAtUseCase(queries=store, history=store),
        get_order_history=GetOrderHistoryUseCase(store, store, open_keys if isinstance(store, KeepsApiKeys) else None),
        list_orders=ListOrdersUseCase(store),
        search_orders=SearchOrdersUseCase(store),
        confirm_order=command(ConfirmOrderUseCase),
        ship_order=command(ShipOrderUseCase),
        deliver_order=command(DeliverOrderUseCase),
        cancel_order=command(CancelOrderUseCase),
        cancel_lines=command(CancelLinesUseCase),
        hold_order=command(HoldOrderUseCase),
        release_order=command(ReleaseOrderUseCase),
        add_shipment=command(AddShipmentUseCase),
        update_shipment=command(UpdateShipmentUseCase),
        deliver_shipment=command(DeliverShipmentUseCase),
        record_payment=command(RecordPaymentUseCase),
        add_refund=command(AddRefundUseCase),
        close_refund=command(CloseRefundUseCase),
        request_return=command(RequestReturnUseCase),
        receive_return=command(ReceiveReturnUseCase),
        close_return=command(CloseReturnUseCase),
        edit_order=command(EditOrderUseCase),
        add_note=command(AddNoteUseCase),
        edit_note=command(EditNoteUseCase),
        get_order_actions=GetOrderActionsUseCase(store, commands),  # after the commands
        erase_personal_data=ErasePersonalDataUseCase(store, documents, renderers),
        export_person=ExportPersonUseCase(store),
        issue_receipt=IssueReceiptUseCase(repo=store, history=store, store=documents, renderers=renderers),
        list_documents=ListDocumentsUseCase(store),
        get_document=GetDocumentUseCase(store, documents),
        list_events=ListEventsUseCase(feed),
        get_event=GetEventUseCase(store, store),
        follow_events=FollowEventsUseCase(feed, store),
        expire_orders=ExpireOrdersUseCase(store, policies=policies),
        import_orders=ImportOrdersUseCase(store),
        export_orders=ExportOrdersUseCase(store),
        export_to_document=ExportToDocumentUseCase(store, documents),
        get_statistics=GetStatisticsUseCase(update_statistics),
        count_orders=CountOrdersUseCase(update_statistics),
        update_statistics=update_statistics,
        diagnose_store=DiagnoseStoreUseCase(store),
        verify_orders=VerifyOrdersUseCase(store, documents, Ed25519CheckpointFiles()),
        create_checkpoint=CreateCheckpointUseCase(store, Ed25519CheckpointFiles(), documents),
        create_api_key=CreateApiKeyUseCase(open_keys),
        list_api_keys=ListApiKeysUseCase(open_keys),
        revoke_api_key=RevokeApiKeyUseCase(open_keys),
        create_webhook=CreateWebhookUseCase(webhooks, store, sender),
        list_webhooks=ListWebhooksUseCase(webhooks),
        get_webhook=GetWebhookUseCase(webhooks),
        update_webhook=UpdateWebhookUseCase(webhooks, sender),
        delete_webhook=DeleteWebhookUseCase(webhooks),
        pause_webhook=PauseWebhookUseCase(webhooks),
        resume_webhook=ResumeWebhookUseCase(webhooks),
        send_webhook_test=SendWebhookTestUseCase(webhooks, sender),
        rotate_webhook_secret=RotateWebhookSecretUseCase(webhooks),
        replay_webhook=ReplayWebhookUseCase(webhooks),
        list_webhook_deliveries=ListWebhookDeliveriesUseCase(webhooks),
        deliver_webhooks=DeliverWebhooksUseCase(store, webhooks, sender, RetrySchedule.of(retry_schedule)),
        publish_events=PublishEventsUseCase(store, webhooks.open_records, open_publisher),
        authenticate=authenticate,
        start_session=StartSessionUseCase(authenticate, open_records),
        start_openid_session=StartOpenIdSessionUseCase(sign_in, open_records),
        resume_session=ResumeSessionUseCase(open_records, open_keys, sign_in),
        end_session=EndSessionUseCase(open_records),
        check_store=partial(check_store, store),
        get_schema=partial(schema_of, store),
        stop_waiting=feed.stop,
        close=close,
    )
