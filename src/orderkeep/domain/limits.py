"""The limits of an order. Schemas, errors and documentation read them from here."""

MAX_MINOR_UNITS = 10**15
"""Amounts are below this many minor units, so that sums fit in 64 bits and in JavaScript's safe integers."""

MAX_LINES = 500
MIN_QUANTITY = 1
MAX_QUANTITY = 1_000_000

MAX_ID_LENGTH = 64
MAX_USER_ID_LENGTH = 128
MAX_EXTERNAL_REF_LENGTH = 128
MAX_SKU_LENGTH = 64
MAX_NAME_LENGTH = 200
MAX_REASON_LENGTH = 100
MAX_NOTE_LENGTH = 1_000

MAX_TAGS = 20
MAX_TAG_LENGTH = 50
MAX_METADATA_KEYS = 50
MAX_METADATA_KEY_LENGTH = 40
MAX_METADATA_VALUE_LENGTH = 500

MAX_TEXT_BYTES = 360_000
"""All texts of a new order together, in UTF-8, so that the order and its later changes fit in every store."""

MAX_DOCUMENTS = 100

MAX_REMEMBERED_KEYS = 100
"""Idempotency keys that an order remembers. The oldest is dropped first, except the one that placed the order."""

MAX_LINE_ID_LENGTH = 40
MAX_REFERENCE_LENGTH = 128
MAX_METHOD_LENGTH = 50
MAX_CARRIER_LENGTH = 50
MAX_TRACKING_NUMBER_LENGTH = 100
MAX_TRACKING_URL_LENGTH = 500
MAX_CONDITION_LENGTH = 100

MAX_EXPIRY_HOURS = 87_600
"""Ten years."""

MAX_SHIPMENTS = 100
MAX_PAYMENTS = 200
MAX_REFUNDS = 100
MAX_RETURNS = 50
MAX_NOTES = 50
"""How many of each an order has at most, so that it fits in every store."""

MAX_EMAIL_LENGTH = 254
MAX_PHONE_LENGTH = 50
MAX_ADDRESS_LINE_LENGTH = 200
MAX_CITY_LENGTH = 100
MAX_POSTAL_CODE_LENGTH = 20

MAX_ERASED_ORDERS = 100
"""How many orders a list of IDs to erase may have."""

MAX_TRACKED_SHIPMENTS = 50
"""An order is found by the tracking numbers of its newest shipments, up to this many, because a store may limit how
much one commit writes.
"""
