"""Who may see workloads, and do something with them: by the project that they are in."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Row

from windlass.identity.permissions import Permissions
from windlass.identity.roles import Action, ResourceType
from windlass.identity.tokens import Caller
from windlass.kit.errors import NotFound
from windlass.org.scopes import ScopeColumns, within
from windlass.workloads.tables import workload

_COLUMNS = ScopeColumns(
    tenant=workload.c.tenant_id,
    cluster=workload.c.cluster_id,
    department=workload.c.department_id,
    project=workload.c.project_id,
)


@dataclass(frozen=True, slots=True)
class WorkloadAccess:
    """Checks what callers may do with workloads."""

    permissions: Permissions

    def require(
        self,
        caller: Caller,
        resource: ResourceType,
        action: Action,
        row: Row[Any],
        asked_for: str,
    ) -> None:
        """Return if the caller may do that with the workload of a row, asked for by that id.

        Raises NotFound as if there were none, Forbidden if the caller may know of its project.
        """
        self.permissions.require(caller, resource, action, scope_of(row), unknown(asked_for))

    def readable(self, caller: Caller) -> ColumnElement[bool]:
        """The condition that the caller may read a workload."""
        scopes = self.permissions.scopes(caller, ResourceType.WORKLOADS, Action.READ)
        return _within(scopes.paths)


@lru_cache(maxsize=1024)
def _within(paths: frozenset[str]) -> ColumnElement[bool]:
    """The same condition is asked for again and again, and may name hundreds of projects."""
    return within(paths, _COLUMNS)


def scope_of(row: Row[Any]) -> str:
    """The path of the project that a workload is in."""
    return f"/{row.tenant_id}/{row.cluster_id}/{row.department_id}/{row.project_id}"


def unknown(workload_id: str) -> NotFound:
    """What is said of a workload that there is none of, or that is not to be known of."""
    return NotFound(f"There is no workload with the id {workload_id!r}.")
