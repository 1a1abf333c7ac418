"""Requests as bytes, and the response that each must get. RFC 9112 defines what is malformed; what can be read in two
ways is rejected, because a proxy may read it in the other way.
"""

from dataclasses import dataclass

from orderkeep.entrypoints.api.http1 import limits

FORGED = b"forged.example"
"""Says that it is our name. Nothing may be decided by it, so it must not be seen again."""

HOST = b"Host: localhost\r\n"
ORDER = b'{"user_id": "user-7", "total": 9900, "currency": "USD"}'
JSON = b"Content-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(ORDER)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(ORDER), ORDER)
MALFORMED = "malformed_request"


@dataclass(frozen=True)
class Case:
    """What is sent, the statuses of what comes back, in order, the code of the last, and whether the connection is then
    good for another request.
    """

    name: str
    sent: bytes
    statuses: tuple[int, ...]
    code: str | None = None
    goes_on: bool = False


def get(name: str, target: bytes, status: int, code: str | None = None) -> Case:
    """Return a case that differs in its target alone."""
    sent = b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    return Case(name, sent, (status,), code, goes_on=code != MALFORMED and status != 414)


def header(name: str, line: bytes, status: int = 400, code: str | None = MALFORMED) -> Case:
    """Return a case with one line more in its head."""
    sent = b"GET /livez HTTP/1.1\r\n" + HOST + line + b"\r\n\r\n"
    return Case(name, sent, (status,), code, goes_on=status == 200)


def first_line(name: str, line: bytes, status: int = 400, code: str | None = MALFORMED) -> Case:
    """Return a case that differs in its first line, what ends it included."""
    return Case(name, line + HOST + b"\r\n", (status,), code, goes_on=status == 200)


def hosts(name: str, lines: bytes, status: int = 400) -> Case:
    """Return a case that differs in who it says that it is for."""
    sent = b"GET /livez HTTP/1.1\r\n" + lines + b"\r\n"
    return Case(name, sent, (status,), MALFORMED if status == 400 else None, goes_on=status == 200)


def order(name: str, lines: bytes, body: bytes, status: int, code: str | None = None, *, goes_on: bool = False) -> Case:
    """Return a case that places an order."""
    sent = b"POST /orders HTTP/1.1\r\n" + HOST + lines + b"\r\n" + body
    return Case(name, sent, (status,), code, goes_on)


LINES = [
    first_line("a request", b"GET /livez HTTP/1.1\r\n", 200, None),
    first_line("empty lines before a request", b"\r\n\r\nGET /livez HTTP/1.1\r\n", 200, None),
    first_line("a line feed alone", b"GET /livez HTTP/1.1\n"),
    first_line("a carriage return alone", b"GET /livez HTTP/1.1\r"),
    first_line("a space at the end", b"GET /livez HTTP/1.1 \r\n"),
    first_line("a space at the start", b" GET /livez HTTP/1.1\r\n"),
    first_line("tabs for spaces", b"GET\t/livez\tHTTP/1.1\r\n"),
    first_line("a space in the target", b"GET /livez x HTTP/1.1\r\n"),
    first_line("a method that nobody knows", b"BREW /livez HTTP/1.1\r\n"),
    first_line("a method in lower case", b"get /livez HTTP/1.1\r\n"),
    first_line("a method with a NUL", b"GE\x00T /livez HTTP/1.1\r\n"),
    first_line("no method", b"/livez HTTP/1.1\r\n"),
    first_line("HTTP/0.9", b"GET /livez\r\n"),
    first_line("HTTP/0.9, said", b"GET /livez HTTP/0.9\r\n"),
    first_line("HTTP/1.2", b"GET /livez HTTP/1.2\r\n"),
    first_line("HTTP/2.0", b"GET /livez HTTP/2.0\r\n", 505, "version_not_supported"),
    first_line("HTTP/1.10", b"GET /livez HTTP/1.10\r\n"),
    first_line("http/1.1", b"GET /livez http/1.1\r\n"),
    first_line("no dot in the version", b"GET /livez HTTP/11\r\n"),
    first_line("an answer", b"HTTP/1.1 200 OK\r\n"),
    Case("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400,), MALFORMED),
    Case("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400,), MALFORMED),
    Case("HTTP/1.0", b"GET /livez HTTP/1.0\r\n" + HOST + b"\r\n", (200,)),
    Case("HTTP/1.0 that says not whom it asks", b"GET /livez HTTP/1.0\r\n\r\n", (421,), "host_not_allowed"),
    Case("HTTP/1.0 that would go on", b"GET /livez HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n", (200,)),
    Case("TRACE", b"TRACE /livez HTTP/1.1\r\n" + HOST + b"\r\n", (405,), "method_not_allowed", goes_on=True),
    Case("CONNECT", b"CONNECT elsewhere:443 HTTP/1.1\r\n" + HOST + b"\r\n", (405,), "method_not_allowed"),
    Case("CONNECT and a path", b"CONNECT /livez HTTP/1.1\r\n" + HOST + b"\r\n", (405,), "method_not_allowed"),
]

TARGETS = [
    get("a query of its own", b"/livez?", 200),
    get("percent-encoded", b"/%6civez", 200),
    get("a percent sign alone", b"/livez%", 404, "not_found"),
    get("no hexadecimal digits", b"/livez%zz", 404, "not_found"),
    get("an encoded NUL", b"/livez%00", 404, "not_found"),
    get("an encoded slash is a slash", b"/orders%2f1", 404, "order_not_found"),
    get("encoded bytes that are no UTF-8", b"/orders/%ff%fe", 404, "order_not_found"),
    get("an encoded line break", b"/orders/1%0d%0aX-Request-Id:%20forged.example", 404, "order_not_found"),
    get("dot segments are no way up", b"/orders/../livez", 404, "not_found"),
    get("nor are encoded ones", b"/orders/%2e%2e/livez", 404, "not_found"),
    get("two slashes are not one", b"//livez", 404, "not_found"),
    get("an authority in place of a path", b"//forged.example/livez", 404, "not_found"),
    get("the other slash", b"/\\livez", 404, "not_found"),
    get("a URL", b"http://localhost/livez", 200),
    get("a URL of somebody else", b"http://forged.example/livez", 421, "host_not_allowed"),
    get("a URL of https", b"HTTPS://localhost:443/livez", 200),
    get("a URL without a path", b"http://localhost", 307),
    get("a URL with a password", b"http://user:pass@localhost/livez", 400, MALFORMED),
    get("a URL of nobody", b"http:///livez", 400, MALFORMED),
    get("a URL that is not ours", b"ftp://forged.example/livez", 400, MALFORMED),
    get("no slash", b"livez", 400, MALFORMED),
    get("a query alone", b"?limit=1", 400, MALFORMED),
    get("a fragment", b"/livez#there", 400, MALFORMED),
    get("all of it", b"*", 400, MALFORMED),
    get("a NUL", b"/livez\x00", 400, MALFORMED),
    get("a control character", b"/livez\x01", 400, MALFORMED),
    get("a DEL", b"/livez\x7f", 400, MALFORMED),
    get("a tab", b"/livez\t", 400, MALFORMED),
    get("a path that is no ASCII", "/orders/é".encode(), 400, MALFORMED),
    get("a query that is no ASCII", b"/orders?user_id=\xff", 400, MALFORMED),
    get("the longest", b"/" + b"x" * (limits.MAX_TARGET_BYTES - 1), 404, "not_found"),
    get("one longer", b"/" + b"x" * limits.MAX_TARGET_BYTES, 414, "target_too_long"),
    Case("OPTIONS *", b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", (405,), "method_not_allowed"),
]

HOSTS = [
    hosts("a host with a port", b"Host: localhost:8000\r\n", 200),
    hosts("an address", b"Host: [::1]:8000\r\n", 200),
    hosts("no host", b""),
    hosts("an empty host", b"Host:\r\n"),
    hosts("two hosts", HOST * 2),
    hosts("two hosts, one with a port", HOST + b"Host: forged.example:80\r\n"),
    hosts("a host and a path", b"Host: forged.example/livez\r\n"),
    hosts("a host and a user", b"Host: user@forged.example\r\n"),
    hosts("hosts in a list", b"Host: forged.example, other\r\n"),
    hosts("a host with a space", b"Host: forged example\r\n"),
    hosts("a host that is no ASCII", b"Host: \xff\r\n"),
    hosts("a port that is none", b"Host: forged.example:port\r\n"),
    hosts("a host, folded", b"Host:\r\n forged.example\r\n"),
    Case("two hosts in HTTP/1.0", b"GET /livez HTTP/1.0\r\n" + HOST * 2 + b"\r\n", (400,), MALFORMED),
    Case("a URL, and no host", b"GET http://forged.example/livez HTTP/1.1\r\n\r\n", (400,), MALFORMED),
]

HEADERS = [
    header("text that is no ASCII", b"X-Note: \xff\xfe", 200, None),
    header("a line feed alone in a header", b"X-Note: a\nX-Other: b"),
    header("a carriage return alone in a header", b"X-Note: a\rX-Other: b"),
    header("a folded header", b"X-Note: a\r\n b"),
    header("a header folded by a tab", b"X-Note: a\r\n\tb"),
    header("a NUL in a header", b"X-Note: a\x00b"),
    header("a control character in a header", b"X-Note: a\x01b"),
    header("a DEL in a header", b"X-Note: a\x7fb"),
    header("a space before the colon", b"X-Note : a"),
    header("a tab before the colon", b"X-Note\t: a"),
    header("a space in the name", b"X Note: a"),
    header("brackets in the name", b"X(Note): a"),
    header("a name that is no ASCII", b"X-N\xffte: a"),
    header("no name", b": a"),
    header("no colon", b"X-Note"),
    header("as many headers as there may be", b"\r\n".join([b"X: y"] * (limits.MAX_HEADERS - 1)), 200, None),
    header("one more", b"\r\n".join([b"X: y"] * limits.MAX_HEADERS), 431, "head_too_large"),
    header("a large header", b"X: " + b"y" * 15_000, 200, None),
    header("a header that is too large", b"X: " + b"y" * limits.MAX_HEAD_BYTES, 431, "head_too_large"),
    header("headers that are too large together", b"\r\n".join([b"X: " + b"y" * 2_000] * 9), 431, "head_too_large"),
    Case("a folded first header", b"GET /livez HTTP/1.1\r\n " + HOST + b"\r\n", (400,), MALFORMED),
    Case("a head that ends in a line feed", b"GET /livez HTTP/1.1\r\n" + HOST + b"\n", (400,), MALFORMED),
    Case("a header without end", b"GET /livez HTTP/1.1\r\nX: " + b"y" * 600_000, (431,), "head_too_large"),
    Case("a target without end", b"GET /" + b"x" * 600_000, (414,), "target_too_long"),
    Case("headers without end", b"GET /livez HTTP/1.1\r\n" + b"X: y\r\n" * 9_999, (431,), "head_too_large"),
]

UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
EXPECTS = b"Expect: 100-continue\r\n"

BODIES = [
    order("a body with its length", JSON + LENGTH, ORDER, 201, goes_on=True),
    order("a body in chunks", JSON + CHUNKED, CHUNKS, 201, goes_on=True),
    order("Chunked", JSON + b"Transfer-Encoding: Chunked\r\n", CHUNKS, 201, goes_on=True),
    order("an offer of HTTP/2 is not taken", JSON + LENGTH + UPGRADE, ORDER, 201, goes_on=True),
    order("nor with a body in chunks", JSON + CHUNKED + UPGRADE, CHUNKS, 201, goes_on=True),
    order("two lengths", JSON + LENGTH + b"Content-Length: 5\r\n", ORDER, 400, MALFORMED),
    order("one length twice", JSON + LENGTH * 2, ORDER, 400, MALFORMED),
    order("lengths in a list", JSON + b"Content-Length: 55, 55\r\n", ORDER, 400, MALFORMED),
    order("a length with a sign", JSON + b"Content-Length: +55\r\n", ORDER, 400, MALFORMED),
    order("a negative length", JSON + b"Content-Length: -1\r\n", ORDER, 400, MALFORMED),
    order("a length in hexadecimal", JSON + b"Content-Length: 0x37\r\n", ORDER, 400, MALFORMED),
    order("a length with a space", JSON + b"Content-Length: 5 5\r\n", ORDER, 400, MALFORMED),
    order("no length at all", JSON + b"Content-Length:\r\n", ORDER, 400, MALFORMED),
    order("a length past all bounds", JSON + b"Content-Length: " + b"9" * 30 + b"\r\n", ORDER, 400, MALFORMED),
    order("a length that is too large", JSON + b"Content-Length: 999999999999\r\n", ORDER, 413, "body_too_large"),
    order("a length, and chunks", JSON + LENGTH + CHUNKED, CHUNKS, 400, MALFORMED),
    order("chunks, and a length", JSON + CHUNKED + LENGTH, CHUNKS, 400, MALFORMED),
    order("chunks twice", JSON + CHUNKED * 2, CHUNKS, 400, MALFORMED),
    order("chunks in chunks", JSON + b"Transfer-Encoding: chunked, chunked\r\n", CHUNKS, 400, MALFORMED),
    order("chunks that are not last", JSON + b"Transfer-Encoding: chunked, gzip\r\n", CHUNKS, 400, MALFORMED),
    order("gzip", JSON + b"Transfer-Encoding: gzip, chunked\r\n", CHUNKS, 501, "transfer_coding_unknown"),
    order("identity", JSON + b"Transfer-Encoding: identity\r\n", ORDER, 501, "transfer_coding_unknown"),
    order("nearly chunked", JSON + b"Transfer-Encoding: xchunked\r\n", CHUNKS, 501, "transfer_coding_unknown"),
    order("a control character before chunked", JSON + b"Transfer-Encoding: \x0bchunked\r\n", CHUNKS, 400, MALFORMED),
    order("a space before that colon", JSON + b"Transfer-Encoding : chunked\r\n", CHUNKS, 400, MALFORMED),
    order("that header, folded", JSON + b"Transfer-Encoding:\r\n chunked\r\n", CHUNKS, 400, MALFORMED),
    order("a Content-Type twice", JSON * 2 + LENGTH, ORDER, 415, "unsupported_media_type", goes_on=True),
    order(
        "a key twice", JSON + LENGTH + b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n", ORDER, 422, "invalid_header",
        goes_on=True,
    ),
    order("another expectation", JSON + LENGTH + b"Expect: 200-ok\r\n", ORDER, 417, "expectation_failed"),
    Case(
        "an expectation", b"POST /orders HTTP/1.1\r\n" + HOST + JSON + LENGTH + EXPECTS + b"\r\n" + ORDER, (100, 201),
        goes_on=True,
    ),
    Case("chunks in HTTP/1.0", b"POST /orders HTTP/1.0\r\n" + JSON + CHUNKED + b"\r\n" + CHUNKS, (400,), MALFORMED),
    Case("an answer before the body", b"GET /livez HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nabc", (200,)),
    Case("a body of GET", b"GET /livez HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc", (200,), goes_on=True),
]  # fmt: skip


def chunks(name: str, body: bytes, *, status: int = 400) -> Case:
    """Return a case that differs in how its chunks are written."""
    sent = b"POST /orders HTTP/1.1\r\n" + HOST + JSON + CHUNKED + b"\r\n" + body
    return Case(name, sent, (status,), MALFORMED if status == 400 else None, goes_on=status == 201)


WHOLE = b"%x\r\n%s\r\n" % (len(ORDER), ORDER)

CHUNK_FORMS = [
    chunks("an extension", b"%x;name=value\r\n%s\r\n0\r\n\r\n" % (len(ORDER), ORDER), status=201),
    chunks("leading zeros", b"000%x\r\n%s\r\n0\r\n\r\n" % (len(ORDER), ORDER), status=201),
    chunks("a trailer says nothing", WHOLE + b"0\r\nIdempotency-Key: \x80\r\n\r\n", status=201),
    chunks("a line feed alone after a size", b"%x\n%s\r\n0\r\n\r\n" % (len(ORDER), ORDER)),
    chunks("a line feed alone in an extension", b"%x;\n%s\r\n0\r\n\r\n" % (len(ORDER), ORDER)),
    chunks("a line feed in quotes", b'%x;a="\n"\r\n%s\r\n0\r\n\r\n' % (len(ORDER), ORDER)),
    chunks("a negative size", b"-1\r\n" + CHUNKS),
    chunks("a size that says that it is hexadecimal", b"0x37\r\n" + CHUNKS),
    chunks("a size past all bounds", b"10000000000000001\r\n" + CHUNKS),
    chunks("a space behind a size", b"37 \r\n" + CHUNKS),
    chunks("no size", b"\r\n" + CHUNKS),
    chunks("a chunk longer than its size", b"3\r\nabcde\r\n0\r\n\r\n"),
    chunks("a trailer with a length", WHOLE + b"0\r\nContent-Length: 3\r\n\r\n"),
    chunks("a trailer, folded", WHOLE + b"0\r\nX: a\r\n b\r\n\r\n"),
    chunks("extensions without end", b"1;" + b"a" * 3_000_000),
]

LIVE = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
PLACE = b"POST /orders HTTP/1.1\r\n" + HOST + JSON + LENGTH + b"\r\n" + ORDER
CLOSE = b"GET /livez HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"

IN_A_ROW = [
    Case("three at once", LIVE + PLACE + LIVE, (200, 201, 200), goes_on=True),
    Case("what comes behind a length is a request", PLACE + CLOSE, (201, 200)),
    Case("what comes behind the last is not heard", LIVE + CLOSE + PLACE, (200, 200)),
    Case("an answer comes before the refusal of the next", PLACE + b"GET / HTTP/1.1\n", (201, 400), MALFORMED),
    Case("so does that of a URL", PLACE + b"GET /" + b"x" * 9_999, (201, 414), "target_too_long"),
    Case(
        "an offer is not taken in between", LIVE + b"GET /livez HTTP/1.1\r\n" + HOST + UPGRADE + b"\r\n" + LIVE,
        (200, 200, 200), goes_on=True,
    ),
    Case(
        "a web socket is not opened", b"GET /livez HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket"
        b"\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", (200,), goes_on=True,
    ),
    Case("very many at once", LIVE * 5_000, (200,) * (limits.MAX_PIPELINED + 1)),
]  # fmt: skip

CASES = [*LINES, *TARGETS, *HOSTS, *HEADERS, *BODIES, *CHUNK_FORMS, *IN_A_ROW]
