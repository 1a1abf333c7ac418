"""Which names stand for this machine: the one rule by which what is local is trusted more than what is not."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Tell whether a host's name or address, without port and brackets, stands for this machine and nothing else."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
