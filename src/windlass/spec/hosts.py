"""Host names that a workload may ask for. Pure."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

CLUSTER_LOCAL = "svc.cluster.local"
"""What names of services end with inside a Kubernetes cluster."""


def host_of_url(url: str) -> str:
    """The host of a URL, or of a bare `host[:port]`, in lower case.

    Raises ValueError that says what would be right.
    """
    parts = urlsplit(url if "://" in url else f"//{url}")
    try:
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("must have a port from 1 to 65535, or none") from None
    if parts.scheme not in ("", "http", "https"):
        raise ValueError("must begin with http:// or https://, or with the host")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("must be a host alone: there is one for each URL, so that none has a path")
    if _is_ip_address(host) or not _HOST.fullmatch(host):
        raise ValueError("must have a host name of at least two parts, such as tool.example.org")
    return host


def reserved_because(host: str, domain: str) -> str | None:
    """Why a URL may not have that host; None where it may."""
    label, _, rest = host.partition(".")
    if host == domain or host == "localhost":
        return f"must not be {host}, under which every workload is reached by its path"
    if host.endswith(f".{CLUSTER_LOCAL}"):
        return f"must not end with {CLUSTER_LOCAL}, which is for names inside the platform"
    if rest == domain and _SERVING.search(label):
        return f"must not be {host}, which has the form of workloads' own hosts; choose another"
    return None


_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})+")
_SERVING = re.compile("-runai-")


def _is_ip_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
