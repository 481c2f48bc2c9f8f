"""Ports and URLs beside the serving port."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from windlass.gateway.gateway import Access, Callers
from windlass.kit.errors import FieldError
from windlass.spec.exposure import Exposure, ExposureKind
from windlass.spec.hosts import host_of_url
from windlass.spec.model import Item, given
from windlass.spec.scalars import Int32, NonEmpty, Port

NODE_PORTS = (30000, 32767)
"""The first and the last port that node ports may have, as in Kubernetes."""


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
    identified_by: ClassVar = "name"
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
        lowest, highest = NODE_PORTS if port.service_type == "NodePort" else (1, 65535)
        if not lowest <= port.external <= highest:
            yield FieldError(field, f"must be from {lowest} to {highest}, not {port.external}")
        if first.setdefault(port.external, index) != index:
            yield FieldError(field, f"is given twice; entry {first[port.external]} has it, too")


def exposed_url_errors(urls: list[ExposedUrl | None] | None, path: str) -> Iterator[FieldError]:
    """Ports out of range, URLs that nothing can be served under, and lists of users and groups that
    contradict each other or the type beside them."""
    for index, url in given(urls):
        entry = f"{path}[{index}]"
        if url.container is not None and not 1 <= url.container <= 65535:
            yield FieldError(f"{entry}.container", f"must be from 1 to 65535, not {url.container}")
        if url.url is not None:
            yield from _url_errors(url.url, f"{entry}.url")
        yield from _list_errors(url, entry)


def port_exposures(ports: list[ContainerPort | None] | None, path: str) -> tuple[Exposure, ...]:
    """What the ports ask for; anyone may call them, as anyone may call a service."""
    return tuple(
        Exposure(
            kind=ExposureKind(port.service_type),
            container=port.container,
            field=f"{path}[{index}].external",
            external=port.external,
            name=port.name or port.tool_name,
            tool_type=port.tool_type,
        )
        for index, port in given(ports)
        if port.container is not None and port.service_type in _SERVED_TYPES
    )


def url_exposures(urls: list[ExposedUrl | None] | None, path: str) -> tuple[Exposure, ...]:
    """What the URLs ask for; whoever is signed in may call them, unless there is a list."""
    made = [index for index, url in given(urls) if url.url is None]
    return tuple(
        Exposure(
            kind=ExposureKind.URL,
            container=url.container,
            field=f"{path}[{index}].url",
            url=url.url,
            is_first=index in made[:1],
            callers=_callers_of(url),
            name=url.name or url.tool_name,
            tool_type=url.tool_type,
        )
        for index, url in given(urls)
        if url.container is not None
    )


_SERVED_TYPES = (ExposureKind.INTERNAL.value, ExposureKind.NODE_PORT.value)


def _url_errors(url: str, path: str) -> Iterator[FieldError]:
    try:
        host_of_url(url)
    except ValueError as error:
        yield FieldError(path, str(error))


def _list_errors(url: ExposedUrl, path: str) -> Iterator[FieldError]:
    lists = {
        "authorizedUsers": url.authorized_users or [],
        "authorizedGroups": url.authorized_groups or [],
    }
    kind = url.authorization_type
    for field, names in lists.items():
        if "" in names:
            yield FieldError(f"{path}.{field}[{names.index('')}]", "must not be empty")
        if kind == field and not names:
            yield FieldError(f"{path}.{field}", f"is required where authorizationType is {kind}")
        if names and kind not in (None, field):
            yield FieldError(
                f"{path}.{field}", f"must be left out where authorizationType is {kind}"
            )
    if kind is None and all(lists.values()):
        yield FieldError(
            f"{path}.authorizedGroups", "must not be given together with authorizedUsers"
        )


def _callers_of(url: ExposedUrl) -> Callers:
    users, groups = tuple(url.authorized_users or ()), tuple(url.authorized_groups or ())
    if users or groups:
        return Callers(Access.AUTHORIZED, users, groups)
    return Callers(Access.AUTHENTICATED)
