"""Where a workload is reached: hosts, paths, ports and URLs. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from windlass.gateway.gateway import Access, Callers
from windlass.org.names import namespace_of
from windlass.spec.exposure import Exposure, ExposureKind
from windlass.spec.hosts import CLUSTER_LOCAL, host_of_url
from windlass.workloads.kind import DesiredWorkload

NODE_PORT_PREFIX = "port/"
"""What a node port begins with among claimed addresses, where hosts have no `/`."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the platform's gateways are."""

    gateway_url: str
    internal_url: str
    domain: str
    gateway_host: str
    """The address that the outer gateway listens on, whatever name its URL has."""
    listening_url: str
    """Its URL by that address, where `gateway_url` leads through something in front of it."""


@dataclass(frozen=True, slots=True)
class Named:
    """A workload's name, in its project."""

    name: str
    project_name: str

    @property
    def path(self) -> str:
        """The path requests can be sent under."""
        return f"/{self.project_name}/{self.name}"

    @property
    def internal_host(self) -> str:
        """The host name that the workload has inside a Kubernetes cluster."""
        return f"{self.name}.{namespace_of(self.project_name)}.{CLUSTER_LOCAL}"

    def host(self, domain: str) -> str:
        """The host name requests can be sent to."""
        return f"{self.name}-{namespace_of(self.project_name)}.{domain}"


def exposed_host(named: Named, exposure: Exposure, domain: str) -> str | None:
    """The host name under which a further port is reached; None where it has none."""
    if exposure.kind is ExposureKind.NODE_PORT:
        return None
    if exposure.kind is ExposureKind.INTERNAL:
        return f"port-{exposure.container}.{named.internal_host}"
    if exposure.url is not None:
        return host_of_url(exposure.url)
    suffix = "" if exposure.is_first else f"-{exposure.container}"
    return f"{named.project_name}-{named.name}{suffix}.{domain}"


def claimed_addresses(named: Named, desired: DesiredWorkload, domain: str) -> dict[str, str]:
    """What no other workload may have, each with the field that asks for it."""
    return {
        address: exposure.field
        for exposure in desired.exposures
        if (address := _claimed(named, exposure, domain)) is not None
    }


def repeated_hosts(
    named: Named, desired: DesiredWorkload, domain: str
) -> Iterator[tuple[str, str, str]]:
    """Hosts that the workload asks for twice, where each leads to one port: such a host, the field
    that asks for it again, and the one that asked first."""
    first: dict[str, str] = {}
    for exposure in desired.exposures:
        host = exposed_host(named, exposure, domain)
        if host is not None and first.setdefault(host, exposure.field) != exposure.field:
            yield host, exposure.field, first[host]


def urls_of(named: Named, desired: DesiredWorkload, places: Places) -> list[str]:
    """Every URL of a workload, the path form first, which needs no name resolution."""
    base = places.internal_url if desired.internal_only else places.gateway_url
    first = [f"{base}{named.path}/", _with_host(base, named.host(places.domain))]
    return [*first, *(_exposed_url(named, each, places) for each in desired.exposures)]


def connections_of(named: Named, desired: DesiredWorkload, places: Places) -> list[dict[str, Any]]:
    """The ways in, each with who may use it."""
    serving = {
        "name": "serving",
        "toolType": "custom",
        "connectionType": "ServingPort",
        "url": urls_of(named, desired, places)[0],
        "containerPort": desired.template.container_port,
        **_authorization(desired.callers),
    }
    return [serving, *_exposed_connections(named, desired, places)]


def _exposed_connections(
    named: Named, desired: DesiredWorkload, places: Places
) -> Iterator[dict[str, Any]]:
    for exposure in desired.exposures:
        yield {
            "name": exposure.name or f"port-{exposure.container}",
            "toolType": exposure.tool_type or "custom",
            "connectionType": exposure.kind.value,
            "url": _exposed_url(named, exposure, places),
            "containerPort": exposure.container,
            **_authorization(exposure.callers),
        }


def _authorization(callers: Callers) -> dict[str, Any]:
    if callers.access is not Access.AUTHORIZED:
        return {"authorizationType": _AUTHORIZATION_TYPES[callers.access]}
    lists = {"authorizedUsers": callers.users, "authorizedGroups": callers.groups}
    return {
        "authorizationType": "authorizedUsersOrGroups",
        **{field: list(names) for field, names in lists.items() if names},
    }


_AUTHORIZATION_TYPES = {
    Access.PUBLIC: "public",
    Access.AUTHENTICATED: "authenticatedUsers",
}


def _exposed_url(named: Named, exposure: Exposure, places: Places) -> str:
    if exposure.kind is ExposureKind.NODE_PORT:
        # What is in front of the gateway does not know of its node ports.
        base = places.listening_url.rpartition(":")[0]
        return f"{base}:{exposure.external}/"
    if exposure.url is not None and "://" in exposure.url:
        return f"{exposure.url.rstrip('/')}/"
    is_internal = exposure.kind is ExposureKind.INTERNAL
    base = places.internal_url if is_internal else places.gateway_url
    return _with_host(base, exposed_host(named, exposure, places.domain) or "")


def _with_host(base: str, host: str) -> str:
    parts = urlsplit(base)
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}/"


def _claimed(named: Named, exposure: Exposure, domain: str) -> str | None:
    if exposure.kind is ExposureKind.INTERNAL:
        # Made of the workload's own name, which is its own already.
        return None
    if exposure.kind is ExposureKind.NODE_PORT:
        return f"{NODE_PORT_PREFIX}{exposure.external}"
    return exposed_host(named, exposure, domain)
