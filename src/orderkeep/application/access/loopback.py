"""The host in a URL, and the loopback names and addresses of this machine, which are trusted more than others."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

_URL = re.compile(
    r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!$-;=@-Z_a-z~]*)?(\?[!$-;=?-Z_a-z~]*)?"
)


def is_loopback(host: str) -> bool:
    """Return whether a host name or address, without port and brackets, always means this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def host_in(url: str) -> str | None:
    """Return the host in an http or https URL, or None if the URL is malformed or has a password or a fragment."""
    if not _URL.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        return None if parts.port == 0 else parts.hostname
    except ValueError:  # the port, or half an IPv6 address
        return None
