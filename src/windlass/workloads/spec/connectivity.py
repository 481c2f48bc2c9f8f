"""Ports and URLs beside the serving port."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from windlass.kit.errors import FieldError
from windlass.workloads.spec.model import Item, given
from windlass.workloads.spec.scalars import Int32, NonEmpty, Port


class ContainerPort(Item):
    """A port of the container that a service exposes."""

    mandatory: ClassVar = ("container", "service_type")
    identified_by: ClassVar = "container"
    container: Port | None = None
    service_type: Literal["LoadBalancer", "NodePort", "ClusterIP"] | None = None
    external: Int32 | None = None
    tool_type: str | None = None
    tool_name: str | None = None
    name: NonEmpty | None = None


class ExposedUrl(Item):
    """A port of the container that has a URL of its own."""

    mandatory: ClassVar = ("container",)
    identified_by: ClassVar = "container"
    container: Int32 | None = None
    url: str | None = None
    authorization_type: (
        Literal["authenticatedUsers", "authorizedUsers", "authorizedGroups"] | None
    ) = None
    authorized_users: list[str] | None = None
    authorized_groups: list[str] | None = None
    tool_type: str | None = None
    tool_name: str | None = None
    name: NonEmpty | None = None


class RelatedUrl(Item):
    """A link that is shown with the workload."""

    mandatory: ClassVar = ("url", "type")
    url: str | None = None
    type: str | None = None
    name: str | None = None


def port_errors(ports: list[ContainerPort | None] | None, path: str) -> Iterator[FieldError]:
    """External ports that the service type cannot have, and those given twice."""
    first: dict[int, int] = {}
    for index, port in given(ports):
        if port.external is None:
            continue
        field = f"{path}[{index}].external"
        lowest, highest = _NODE_PORTS if port.service_type == "NodePort" else (1, 65535)
        if not lowest <= port.external <= highest:
            yield FieldError(field, f"must be from {lowest} to {highest}, not {port.external}")
        if first.setdefault(port.external, index) != index:
            yield FieldError(field, f"is given twice; entry {first[port.external]} has it, too")


def exposed_url_errors(urls: list[ExposedUrl | None] | None, path: str) -> Iterator[FieldError]:
    """Ports out of range, and lists of users and groups that contradict each other."""
    for index, url in given(urls):
        entry = f"{path}[{index}]"
        if url.container is not None and not 1 <= url.container <= 65535:
            yield FieldError(f"{entry}.container", f"must be from 1 to 65535, not {url.container}")
        if url.authorized_users and url.authorized_groups:
            yield FieldError(
                f"{entry}.authorizedGroups", "must not be given together with authorizedUsers"
            )


_NODE_PORTS = (30000, 32767)
