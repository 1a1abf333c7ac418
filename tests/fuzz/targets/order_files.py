"""Files of orders, as JSON Lines and as our own CSV."""

from orderkeep.entrypoints.order_files import formats
from tests.fuzz.imported_rows import CONVERTERS, check_rows

COLUMNS = ",".join(formats.COLUMNS).encode()
HEAD = b"id,user_id,total,currency,status,created_at,line_sku,line_name,line_quantity,line_unit_price\n"
AT = b"2026-05-06T07:08:09Z"
ONE_LINE = b"a,anna,99,EUR,pending," + AT + b",A1,Lamp,1,99\n"
TWO_LINES = b"a,anna,10,EUR,pending," + AT + b",A1,Lamp,2,3\na,anna,10,EUR,pending," + AT + b",B,'=1,1,4\n"
NO_LINES = b'a,"an\nna",99,EUR,cancelled,' + AT + b',,,,\nb,"x""y",1,JPY,shipped,2026-05-06 07:08:09+01:00,,,,\n'
NO_IDS = (
    b"\xef\xbb\xbfuser_id,total,currency,status,created_at,tags,metadata,cancellation\r\n"
    b'anna,0,EUR,cancelled,2026-05-06T07:08:09Z,"[""a""]","{""k"":""v""}","{""at"":""2026-05-06T07:08:09Z""}"\r\n'
)
JSON = (
    b'{"id":"a","user_id":"u","total":1,"currency":"EUR","status":"pending","created_at":"2026-05-06T07:08:09Z"}\n\n'
    b'{"user_id":"u","total":1,"currency":"EUR","status":"cancelled","created_at":"2026-05-06T07:08:09Z",'
    b'"cancellation":{"reason":"r","note":"a\\r\\n=b","at":"2026-05-07T07:08:09.5+02:00"},"tags":["=1"],"version":3}\n'
)

SEEDS = (
    HEAD + ONE_LINE,
    HEAD + TWO_LINES,
    HEAD + NO_LINES,
    NO_IDS,
    COLUMNS + b"\n",
    HEAD + b'a,"b\n',
    HEAD + b'a,"b"c\n\xff,\0\r\r',
    JSON,
    b'\xef\xbb\xbf{"id": 1,\n',
)
TOKENS = (
    *(column.encode() for column in formats.COLUMNS),
    *(b",", b'"', b'""', b"\n", b"\r\n", b"\r", b"\0", b"\xef\xbb\xbf", b"'", b"=", b"\t", b"EUR", b"pending"),
    *(b"cancelled", b"2026-05-06T07:08:09Z", b'{"at":"2026-05-06T07:08:09Z"}', b"[]", b"{}", b"null", b"-1"),
    *(b"1000000000000000", b'"version":', b'"documents":', b"\\u0000", "\N{FULLWIDTH EQUALS SIGN}".encode()),
)  # fmt: skip


def check(data: bytes) -> None:
    """Read it as each kind of file."""
    for converter in CONVERTERS.values():
        check_rows(data, converter)
