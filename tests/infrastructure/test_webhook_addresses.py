"""No webhook reaches an address that is not public, however it is written and whatever its host name resolves to."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.domain.exceptions import InvalidUrl
from orderkeep.infrastructure import webhook_addresses
from orderkeep.infrastructure.webhook_addresses import AddressGuard, Receiver, SystemLookup, is_public
from orderkeep.infrastructure.webhook_sender import AiohttpWebhookSender
from tests.infrastructure.receiver_zoo import sends, serving

PUBLIC = ["93.184.215.14", "1.1.1.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "198.20.0.1", "223.255.255.255"]
PUBLIC += ["2606:4700::1111", "2a00:1450:4001::200e", "2001:200::1", "2001:4860:4860::8888", "2003::1", "3ffe::1"]
NOT_PUBLIC_4 = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.9.10", "169.254.169.254"),
    *("172.16.5.4", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1"),
    *("198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
]
NOT_PUBLIC_6 = [
    *("::", "::1", "100::1", "fc00::1", "fd00:ec2::254", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff0e::1"),
    *("2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "3fff::1", "5f00::1", "4000::1", "2620:4f:8000::1"),
]


def spellings(address: str) -> Iterator[str]:
    """Yield a host in all forms that some program takes for an IPv4 address, or that contain it."""
    number, parts = int(IPv4Address(address)), address.split(".")
    a, b, c, d = map(int, parts)
    mapped = f"{number >> 16:x}:{number & 0xFFFF:x}"
    yield from (address, f"{address}.", str(number), f"0x{number:x}", f"0X{number:08X}", f"0{number:o}")
    yield from (".".join(f"0x{int(part):x}" for part in parts), ".".join(f"0{int(part):o}" for part in parts))
    yield from (f"{a}.{(b << 16) | (c << 8) | d}", f"{a}.{b}.{(c << 8) | d}", f"{a:03d}.{b:03d}.{c:03d}.{d:03d}")
    yield from (address.replace(".", "。"), address.translate({ord("0") + n: 0xFF10 + n for n in range(10)}))
    yield from ("".join(f"%{ord(character):x}" for character in address), address.replace(".", "%2e"))
    yield from (f"[::ffff:{address}]", f"[::ffff:{mapped}]", f"[::ffff:0:{mapped}]", f"[::{mapped}]")
    yield from (f"[64:ff9b::{mapped}]", f"[64:ff9b:1::{mapped}]", f"[2002:{mapped}::1]", f"[2001:0:{mapped}::1]")
    yield from (f"[fe80::5efe:{mapped}]", f"to-{address.replace('.', '-')}.example.com", f"{address}.nip.example")


def urls() -> Iterator[str]:
    """Yield the URLs of the test, each of which means an address that is not public, to one program or another."""
    for address in NOT_PUBLIC_4:
        yield from (f"https://{host}/" for host in spellings(address))
    for address in NOT_PUBLIC_6:
        yield from (f"https://[{address}]/", f"https://[{address}]:8443/", f"https://[{address}%25lo]/")
        yield from (f"https://[{address}%lo]/", f"https://to-{address.replace(':', '-')}.six.example.com/")
    for host in (
        "localhost",
        "LOCALHOST",
        "localhost.",
        "localhost..",
        "hooks.localhost",
        "ⓛocalhost",
        "local\u00adhost",
    ):
        yield from (f"https://{host}/", f"http://{host}/", f"https://{host}:8443/hooks?a=b")
    for scheme in ("http", "HTTPS", "ftp", "file", "gopher", "ws", "wss", "unix", "tcp", "https+unix", "javascript"):
        yield f"{scheme}://127.0.0.1/"
    yield from (
        "https:127.0.0.1",
        "https:/127.0.0.1/",
        "https:///127.0.0.1/",
        "//127.0.0.1/",
        "127.0.0.1",
        "",
        "https://",
    )
    yield from ("https://example.com@127.0.0.1/", "https://example.com:443@127.0.0.1/", "https://a:b@127.0.0.1/")
    yield from ("https://127.0.0.1#@example.com/", "https://example.com#@127.0.0.1/", "https://127.0.0.1?@example.com/")
    yield from (
        "https://example.com\\@127.0.0.1/",
        "https://127.0.0.1\\.example.com/",
        "https://127.0.0.1\\@example.com/",
    )
    yield from (
        " https://127.0.0.1/",
        "https://127.0.0.1/ ",
        "https://127.0.0.1\t/",
        "\nhttps://127.0.0.1/",
        "https://127.0.0.1\r\nX: y/",
    )
    yield from (
        "https://127.0.0.1:443:443/",
        "https://127.0.0.1:/",
        "https://[::1/",
        "https://::1/",
        "https://[127.0.0.1]/",
    )
    yield from ("https://[::1]]/", "https://[[::1]]/", "https://[v1.127.0.0.1]/", "https://127.0.0.1%00.example.com/")
    yield from (
        "https://example.com:0@127.0.0.1/",
        "https://127.0.0.1:65536/",
        "https://127.0.0.1:0/",
        "https://0/",
        "https://0x/",
    )


FORMS = list(dict.fromkeys(urls()))


async def lookup(host: str) -> list[str]:
    """Resolve what the system resolves without a name server, and names that contain an address."""
    name = host.partition(".")[0].removeprefix("to-")
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [str(info[4][0]) for info in found]
    except (OSError, UnicodeError):
        if host.endswith(".six.example.com"):
            return [name.replace("-", ":")]
        if host.endswith(".nip.example"):
            return [host.removesuffix(".nip.example")]
        return [name.replace("-", ".")] if host.startswith("to-") else ["127.0.0.1"] * ("localhost" in host)


class RecordingLoop(asyncio.SelectorEventLoop):
    """An event loop without a network: it records the addresses that are connected to, and refuses connections."""

    def __init__(self) -> None:
        super().__init__()
        self.reached: list[str] = []

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        self.reached.append(address[0])
        raise ConnectionRefusedError


class WithoutUrlRules(AddressGuard):
    """Accepts all URLs, so that the addresses alone are checked."""

    def receiver_of(self, url: str) -> Receiver:
        return Receiver(urlsplit(url).hostname or "")


def reached(guard: AddressGuard, urls: list[str]) -> list[str]:
    """Send a webhook to each URL, and return the addresses that were connected to."""

    async def send_all() -> list[str]:
        sender = AiohttpWebhookSender(guard, connect_seconds=20, total_seconds=20)
        rejections = (ValueError, AssertionError) if isinstance(guard, WithoutUrlRules) else ()  # of aiohttp
        for url in urls:
            with suppress(*rejections):
                assert (await sender.send(url, {}, b"{}")).status is None
        await sender.close()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, RecordingLoop)
        return loop.reached

    with asyncio.Runner(loop_factory=RecordingLoop) as runner:
        return runner.run(send_all())


def test_no_url_reaches_an_address_that_is_not_public() -> None:
    assert len(FORMS) > 600
    assert reached(AddressGuard(lookup=lookup), FORMS) == []


def test_no_url_reaches_such_an_address_if_the_addresses_alone_are_checked() -> None:
    assert reached(WithoutUrlRules(lookup=lookup), FORMS) == []


def test_planted_sender_without_a_guard_reaches_them() -> None:
    found = reached(WithoutUrlRules(lookup=lookup, is_public=lambda address: True), FORMS)
    assert {address for address in NOT_PUBLIC_4 + NOT_PUBLIC_6 if address not in found} == set()
    assert len(found) > 300


def test_public_addresses_are_reached() -> None:
    named = [f"https://to-{address.replace('.', '-')}.example.com/" for address in PUBLIC if "." in address]
    literal = [f"https://{f'[{address}]' if ':' in address else address}:8443/" for address in PUBLIC]
    four = [address for address in PUBLIC if "." in address]
    assert reached(AddressGuard(lookup=lookup), named + literal) == four + PUBLIC


@pytest.mark.parametrize(
    "address", [*NOT_PUBLIC_4, *NOT_PUBLIC_6, "fe80::1%lo", "2606:4700::1111%lo", "::ffff:1.1.1.1", "127.1", ""]
)
def test_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses())
def test_every_public_address_is_globally_reachable(address: IPv4Address | IPv6Address) -> None:
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast


class Changing:
    """A name server that returns other addresses each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def __call__(self, host: str) -> list[str]:
        return self.answers.pop(0)


def test_name_that_changes_to_a_private_address_after_the_check_is_not_reached() -> None:
    async def check_and_send() -> list[str]:
        guard = AddressGuard(lookup=Changing(["93.184.215.14"], ["127.0.0.1"]))
        sender = AiohttpWebhookSender(guard)
        await sender.check("https://hooks.example.com/")
        response = await sender.send("https://hooks.example.com/", {}, b"{}")
        assert response.error == "the host has an address that is not public"
        await sender.close()
        return asyncio.get_running_loop().reached  # type: ignore[attr-defined, no-any-return]

    with asyncio.Runner(loop_factory=RecordingLoop) as runner:
        assert runner.run(check_and_send()) == []


def test_name_is_resolved_once_for_a_connection() -> None:
    changing = Changing(["93.184.215.14"], ["127.0.0.1"])
    assert reached(AddressGuard(lookup=changing), ["https://hooks.example.com/"]) == ["93.184.215.14"]
    assert changing.answers == [["127.0.0.1"]]


@pytest.mark.parametrize("position", range(4))
def test_one_private_address_among_many_rejects_the_name(position: int) -> None:
    answers = ["93.184.215.14", "1.1.1.1", "2606:4700::1111"]
    answers.insert(position, "10.0.0.1")
    assert reached(AddressGuard(lookup=Changing(answers)), ["https://hooks.example.com/"]) == []


async def test_service_on_loopback_is_not_reached_by_a_name() -> None:
    """With real connections; without the guard, the service is reached."""
    requests = list[bytes]()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.read(1))
        await sends()(reader, writer)

    async with serving(behave) as port:
        url = f"https://hooks.example.com:{port}/"
        rebinding = Changing(["93.184.215.14"], ["127.0.0.1"])
        guarded = AiohttpWebhookSender(AddressGuard(lookup=rebinding))
        await guarded.check(url)
        await guarded.send(url, {}, b"{}")
        await guarded.close()
        assert requests == []
        without = AiohttpWebhookSender(AddressGuard(lookup=Changing(["127.0.0.1"]), is_public=lambda address: True))
        await without.send(url, {}, b"{}")
        await without.close()
        assert requests == [b"\x16"]  # of a TLS handshake


@pytest.mark.parametrize(
    "url, message",
    [
        ("http://shop.example.com/", "must begin with https://; http is allowed for localhost in local mode only"),
        ("https://localhost/", "must have a public host name or address"),
        ("https://intranet/", "must have a public host name or address"),
        ("https://10.0.0.1/", "must have a public host name or address"),
        ("https://shop.example.com:25/", "must have port 443 or one from 1,024"),
        ("https://shop.example.com:80/", "must have port 443 or one from 1,024"),
        ("https://shop.example.com/" + "a" * 2_030, "must have at most 2,048 characters"),
        ("https://nowhere.example.com/", "has a host name that could not be resolved: check its spelling"),
        ("https://to-10-0-0-1.example.com/", "has a host with an address that is not public"),
        ("https://häßlich.example/", "must be a URL such as https://shop.example.com/webhooks, in ASCII, .*xn--"),
        ("https://user:secret@shop.example.com/", "without a password or fragment"),
    ],
)
async def test_check_reports_what_is_wrong(url: str, message: str) -> None:
    with pytest.raises(InvalidUrl, match=message) as found:
        await AddressGuard(lookup=lookup).check(url)
    assert found.value.field == "url"
    assert "secret" not in str(found.value)


@pytest.mark.parametrize(
    "url", ["https://to-1-1-1-1.example.com/", "https://to-1-1-1-1.example.com:1024/a?b=%20", "https://1.1.1.1:65535"]
)
async def test_check_accepts_public_urls(url: str) -> None:
    await AddressGuard(lookup=lookup).check(url)


@pytest.mark.parametrize(
    "url",
    ["http://localhost/", "http://127.0.0.1:80/", "http://[::1]:8080/", "https://localhost:22/", "http://127.8.9.10/"],
)
async def test_local_mode_accepts_loopback_and_others_do_not(url: str) -> None:
    await AddressGuard(local=True, lookup=Changing()).check(url)
    with pytest.raises(InvalidUrl):
        await AddressGuard(lookup=Changing()).check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example.com/",
        "https://10.0.0.1/",
        "https://to-127-0-0-1.example.com/",
        "http://0.0.0.0/",
        "http://localhost./",
    ],
)
async def test_local_mode_rejects_other_addresses(url: str) -> None:
    with pytest.raises(InvalidUrl):
        await AddressGuard(local=True, lookup=lookup).check(url)


def test_local_mode_does_not_reach_loopback_by_another_name() -> None:
    assert reached(AddressGuard(local=True, lookup=lookup), ["https://to-127-0-0-1.example.com/"]) == []


async def test_check_does_not_wait_for_a_name_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hanging(host: str) -> list[str]:
        await asyncio.sleep(3_600)
        return []

    monkeypatch.setattr(webhook_addresses, "CONNECT_SECONDS", 0.01)
    async with asyncio.timeout(30):
        with pytest.raises(InvalidUrl, match="could not be resolved"):
            await AddressGuard(lookup=hanging).check("https://shop.example.com/")


async def test_system_lookup_resolves_a_name_once_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = list[str]()

    def getaddrinfo(host: str, *arguments: object, **named: object) -> list[tuple[Any, ...]]:
        hosts.append(host)
        if host == "nowhere.example":
            raise socket.gaierror
        return [
            (0, 0, 0, "", ("1.1.1.1", 0)),
            (0, 0, 0, "", ("1.1.1.1", 0)),
            (0, 0, 0, "", ("2606:4700::1111", 0, 0, 0)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    system = SystemLookup()
    both = await asyncio.gather(system("a.example"), system("a.example"))
    assert list(both) == [["1.1.1.1", "2606:4700::1111"]] * 2
    assert await system("nowhere.example") == []
    assert hosts == ["a.example", "nowhere.example"]


async def test_system_lookup_fails_at_once_while_too_many_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    running = asyncio.Event()
    loop = asyncio.get_running_loop()
    hanging = Event()

    def getaddrinfo(host: str, *arguments: object, **named: object) -> list[tuple[Any, ...]]:
        loop.call_soon_threadsafe(running.set)
        hanging.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    system = SystemLookup()
    waiting = [asyncio.create_task(system(f"{number}.example")) for number in range(16)]
    await running.wait()
    async with asyncio.timeout(30):
        assert await system("one-more.example") == []
    hanging.set()
    assert await asyncio.gather(*waiting) == [[]] * 16
