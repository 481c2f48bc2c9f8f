"""The port that requests go to, who may call it, and how long things may take."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from windlass.gateway.gateway import EVERYONE, Access, Callers
from windlass.kit.errors import FieldError
from windlass.spec.model import SpecModel
from windlass.spec.scalars import Port, PositiveInt32

AuthorizationType = Literal[
    "public",
    "authenticatedUsers",
    "authorizedUsers",
    "authorizedGroups",
    "authorizedUsersOrGroups",
]

DEFAULT_INITIALIZATION_TIMEOUT_SECONDS = 600
DEFAULT_REQUEST_TIMEOUT_SECONDS = 300


class ServingAccess(SpecModel):
    """Who may call the serving port."""

    authorization_type: AuthorizationType | None = None
    """Who may call: everybody, unless given."""
    authorized_users: list[str] | None = None
    authorized_groups: list[str] | None = None
    cluster_local_access_only: bool | None = None
    """Answer on the internal gateway only."""


class ServingPort(ServingAccess):
    """The port on which replicas answer requests."""

    mandatory: ClassVar = ("container",)
    container: Port | None = None
    """The port that the container listens on; a process of the host listens on `PORT`."""
    protocol: Literal["http", "grpc"] | None = None


class ServingConfiguration(SpecModel):
    """How long a replica may take to become ready, and a request to be answered, in seconds."""

    initialization_timeout_seconds: PositiveInt32 | None = None
    """600 unless given; after it, the workload has failed."""
    request_timeout_seconds: PositiveInt32 | None = None
    """To the first byte of the answer, and then of silence; 300 unless given."""


def serving_errors(port: ServingPort | None, path: str) -> Iterator[FieldError]:
    """A port that is missing, and lists of callers that the authorization type does not take."""
    if port is None:
        yield FieldError(f"{path}.container", "is required")
        return
    yield from access_errors(port, path)


def access_errors(port: ServingAccess, path: str) -> Iterator[FieldError]:
    """Lists of callers that the authorization type does not take, or lacks."""
    lists = {
        "authorizedUsers": port.authorized_users or [],
        "authorizedGroups": port.authorized_groups or [],
    }
    kind = port.authorization_type or "public"
    if kind == "authorizedUsersOrGroups":
        yield from _exclusive_errors(lists, path)
    for field, names in lists.items():
        if "" in names:
            yield FieldError(f"{path}.{field}[{names.index('')}]", "must not be empty")
        if kind == field and not names:
            yield FieldError(f"{path}.{field}", f"is required where authorizationType is {kind}")
        if names and kind not in (field, "authorizedUsersOrGroups"):
            yield FieldError(
                f"{path}.{field}", f"must be left out where authorizationType is {kind}"
            )


def callers_of(port: ServingPort) -> Callers:
    """Who may call, in the gateway's words; whatever is not said to be public is not."""
    if port.authorization_type in (None, "public"):
        return EVERYONE
    if port.authorization_type == "authenticatedUsers":
        return Callers(Access.AUTHENTICATED)
    return Callers(
        Access.AUTHORIZED,
        users=tuple(port.authorized_users or ()),
        groups=tuple(port.authorized_groups or ()),
    )


def _exclusive_errors(lists: dict[str, list[str]], path: str) -> Iterator[FieldError]:
    filled = [field for field, names in lists.items() if names]
    if not filled:
        yield FieldError(
            f"{path}.authorizedUsers",
            "is required where authorizationType is authorizedUsersOrGroups, or authorizedGroups"
            " instead",
        )
    if len(filled) == len(lists):
        yield FieldError(
            f"{path}.authorizedGroups",
            "must not be given together with authorizedUsers: the two are mutually exclusive",
        )
