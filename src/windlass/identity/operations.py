"""What each operation of the API takes: `operations.yaml`, read.

Operations that take a permission at the tenant are checked here, before anything else is done; the
others by their use cases, which alone know what unit they are about.
"""

import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import yaml

from windlass.audit.middleware import Described
from windlass.audit.trail import Action as Deed
from windlass.identity.permissions import Permissions
from windlass.identity.roles import Action, Permission, ResourceType
from windlass.identity.tokens import Caller
from windlass.kit.errors import Forbidden


class Where(StrEnum):
    """Where the caller of an operation must have its permission."""

    OPEN = "open"
    SELF = "self"
    TENANT = "tenant"
    LIST = "list"
    UNIT = "unit"


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the table."""

    where: Where
    permission: Permission | None
    described: Described
    """What the audit log says of it."""


def operation_of(method: str, template: str) -> Operation | None:
    """The row of an operation, by its method and its path with parameters in braces."""
    return operations().get(f"{method} {template}")


def describe(method: str, template: str) -> Described | None:
    """What the audit log says of an operation; None where there is no such operation."""
    operation = operation_of(method, template)
    return None if operation is None else operation.described


def check(permissions: Permissions, caller: Caller, method: str, template: str) -> None:
    """Refuse an operation that takes a permission at the tenant which the caller does not have.

    Raises Forbidden.
    """
    operation = operation_of(method, template)
    if operation is None:
        raise Forbidden("Nobody has been given the permission to do this.")
    if operation.where is Where.TENANT and operation.permission is not None:
        permissions.require(caller, *operation.permission, f"/{caller.tenant_id}")


@cache
def operations() -> Mapping[str, Operation]:
    """Every row, by method and path."""
    source = importlib.resources.files("windlass.identity").joinpath("operations.yaml")
    rows = yaml.load(
        source.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    return {name: _operation(name, row) for name, row in rows.items()}


_DEEDS = {
    "GET": Deed.READ,
    "POST": Deed.CREATE,
    "PUT": Deed.UPDATE,
    "PATCH": Deed.UPDATE,
    "DELETE": Deed.DELETE,
}


def _operation(name: str, row: Mapping[str, Any]) -> Operation:
    method = name.partition(" ")[0]
    deed = Deed(row["does"]) if "does" in row else _DEEDS[method]
    permission = _permission(row["permission"]) if "permission" in row else None
    entity = row.get("entity") or (permission[0].value if permission else "")
    if permission is not None and "does" not in row:
        deed = Deed(permission[1].value)
    return Operation(Where(row["where"]), permission, Described(deed, entity))


def _permission(text: str) -> Permission:
    resource, _, action = text.partition(":")
    return ResourceType(resource), Action(action)
