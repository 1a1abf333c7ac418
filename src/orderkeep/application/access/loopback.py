"""Recognizes the loopback names and addresses of this machine, which are trusted more than others."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Return whether a host name or address, without port and brackets, always means this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
