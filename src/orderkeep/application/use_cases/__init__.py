"""The use cases: this list is the list of features."""

from orderkeep.application.use_cases.authenticate import AuthenticateUseCase
from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.create_api_key import CreateApiKeyUseCase, CreatedApiKey
from orderkeep.application.use_cases.deliver_order import DeliverOrderUseCase
from orderkeep.application.use_cases.export_orders import ExportOrdersUseCase
from orderkeep.application.use_cases.export_to_document import ExportedDocument, ExportToDocumentUseCase, OrderFormat
from orderkeep.application.use_cases.get_document import FoundDocument, GetDocumentUseCase
from orderkeep.application.use_cases.get_order import GetOrderUseCase
from orderkeep.application.use_cases.get_order_at import GetOrderAtUseCase
from orderkeep.application.use_cases.get_order_history import GetOrderHistoryUseCase, HistoryPage
from orderkeep.application.use_cases.import_orders import (
    ImportOrdersUseCase,
    ImportProblem,
    ImportReport,
    ImportRow,
)
from orderkeep.application.use_cases.issue_receipt import IssuedReceipt, IssueReceiptUseCase
from orderkeep.application.use_cases.list_api_keys import ApiKeyPage, ListApiKeysUseCase
from orderkeep.application.use_cases.list_documents import ListDocumentsUseCase
from orderkeep.application.use_cases.list_orders import ListOrdersUseCase, OrderPage
from orderkeep.application.use_cases.place_order import PlaceOrderUseCase
from orderkeep.application.use_cases.revoke_api_key import RevokeApiKeyUseCase
from orderkeep.application.use_cases.ship_order import ShipOrderUseCase
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase, VerifyProblem, VerifyReport

__all__ = [
    "ApiKeyPage",
    "AuthenticateUseCase",
    "CancelOrderUseCase",
    "ConfirmOrderUseCase",
    "CreateApiKeyUseCase",
    "CreatedApiKey",
    "DeliverOrderUseCase",
    "ExportOrdersUseCase",
    "ExportToDocumentUseCase",
    "ExportedDocument",
    "FoundDocument",
    "GetDocumentUseCase",
    "GetOrderAtUseCase",
    "GetOrderHistoryUseCase",
    "GetOrderUseCase",
    "HistoryPage",
    "ImportOrdersUseCase",
    "ImportProblem",
    "ImportReport",
    "ImportRow",
    "IssueReceiptUseCase",
    "IssuedReceipt",
    "ListApiKeysUseCase",
    "ListDocumentsUseCase",
    "ListOrdersUseCase",
    "OrderFormat",
    "OrderPage",
    "PlaceOrderUseCase",
    "RevokeApiKeyUseCase",
    "ShipOrderUseCase",
    "VerifyOrdersUseCase",
    "VerifyProblem",
    "VerifyReport",
]
