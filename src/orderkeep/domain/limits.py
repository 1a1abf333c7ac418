"""Every bound of an order, in one place. The schemas, the errors and the docs read them from here."""

MAX_MINOR_UNITS = 10**15
"""Amounts stay below this many minor units, so that sums fit 64 bits and JavaScript's safe integers."""

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

MAX_DOCUMENTS = 100

MAX_KEY_NAME_LENGTH = 100

MAX_REMEMBERED_KEYS = 100
"""How many idempotency keys an order remembers; the oldest goes first, the one that placed it never."""
