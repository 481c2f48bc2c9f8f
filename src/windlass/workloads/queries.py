"""Reading workloads: lists, single ones, their pods and events."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, String, bindparam, cast, func, or_, select

from windlass.identity.roles import Action, ResourceType
from windlass.identity.tokens import Caller
from windlass.kit.database import Database
from windlass.kit.errors import BadRequest, NotFound
from windlass.kit.ids import is_uuid
from windlass.kit.paging import Field, ListQuery, apply_order, conditions_of, contains
from windlass.org.tables import department, project
from windlass.workloads.access import WorkloadAccess, unknown
from windlass.workloads.tables import event, pod, workload

DELETED_KEPT_SECONDS = 14 * 24 * 3600.0

_CURRENT_POOL = (
    select(pod.c.node_pool)
    .where(
        pod.c.workload_id == workload.c.id,
        pod.c.exited_at.is_(None),
        pod.c.node_pool.is_not(None),
    )
    .limit(1)
    .scalar_subquery()
)
"""All pods of a workload are in one node pool."""

WORKLOAD_FIELDS = {
    "type": Field(workload.c.type),
    "name": Field(workload.c.name),
    "clusterId": Field(workload.c.cluster_id),
    "projectId": Field(cast(workload.c.project_id, String)),
    "projectName": Field(project.c.name),
    "departmentId": Field(cast(workload.c.department_id, String)),
    "departmentName": Field(department.c.name),
    "createdAt": Field(workload.c.created_at, float),
    "deletedAt": Field(workload.c.deleted_at, float),
    "submittedBy": Field(workload.c.created_by),
    "phase": Field(workload.c.phase),
    "phaseUpdatedAt": Field(workload.c.phase_updated_at, float),
    "category": Field(workload.c.category),
    "priority": Field(workload.c.priority, int),
    "priorityClassName": Field(workload.c.priority_class),
    "nodepool": Field(_CURRENT_POOL),
}
"""By which workloads can be filtered and sorted."""

_UNSUPPORTED_FIELDS = {
    "completedAt",
    "distributedFramework",
    "allocatedGPU",
    "idleGpus",
    "idleAllocatedGpus",
    "totalPendingTimeSeconds",
    "totalRunningTimeSeconds",
    "guaranteedRuntimeEndsAt",
    "aiApplicationId",
    "aiApplicationName",
}


class WorkloadQueries:
    """Looks workloads up. Every row carries its project's and department's names."""

    def __init__(self, database: Database, access: WorkloadAccess) -> None:
        self.database = database
        self.access = access

    def workloads(self, caller: Caller, query: ListQuery, *, deleted: bool) -> Sequence[Row[Any]]:
        """Up to `limit + 1` workloads that the caller may read. Raises BadRequest."""
        readable = self.access.readable(caller)
        statement = apply_order(
            _workloads().where(readable, *_conditions(query, deleted=deleted)),
            WORKLOAD_FIELDS,
            query.sort_by,
            query.sort_order,
            workload.c.created_at,
            workload.c.id,
        )
        return self._all(statement.offset(query.page.offset).limit(query.page.limit + 1))

    def count(self, caller: Caller, query: ListQuery, *, deleted: bool) -> int:
        """How many workloads the same filters find. Raises BadRequest."""
        conditions = [self.access.readable(caller), *_conditions(query, deleted=deleted)]
        with self.database.read() as connection:
            found = connection.execute(
                _workloads().with_only_columns(func.count()).where(*conditions)
            )
            return int(found.scalar_one())

    def workload(self, caller: Caller, workload_id: str, *, gone_too: bool = False) -> Row[Any]:
        """One workload that the caller may read.

        Raises Forbidden, and NotFound, also once it is gone unless `gone_too`.
        """
        row = self._one(_ONE, workload_id, gone_too=gone_too)
        self.access.require(caller, ResourceType.WORKLOADS, Action.READ, row, workload_id)
        return row

    def record(self, workload_id: str) -> Row[Any]:
        """One workload's own columns alone, whoever asks.

        Raises NotFound, also once it is gone.
        """
        return self._one(_ONE_RECORD, workload_id, gone_too=False)

    def pods(self, workload_id: str, query: ListQuery, *, deleted: bool) -> Sequence[Row[Any]]:
        """Up to `limit + 1` pods of a workload, newest first: with `deleted`, those that ended."""
        statement = select(pod).where(pod.c.workload_id == workload_id)
        ended = pod.c.exited_at.is_not(None)
        statement = statement.where(ended if deleted else ~ended)
        if query.search:
            statement = statement.where(contains(pod.c.id, query.search))
        ordered = statement.order_by(pod.c.created_at.desc(), pod.c.id.desc())
        return self._all(ordered.offset(query.page.offset).limit(query.page.limit + 1))

    def pod(self, workload_id: str, pod_id: str) -> Row[Any]:
        """One pod of a workload, ended or not. Raises NotFound."""
        if is_uuid(pod_id):
            found = self._all(
                select(pod).where(pod.c.id == pod_id.lower(), pod.c.workload_id == workload_id)
            )
            if found:
                return found[0]
        raise NotFound(f"The workload has no pod with the id {pod_id!r}.")

    def events(self, workload_id: str, query: ListQuery) -> Sequence[Row[Any]]:
        """Up to `limit + 1` events of a workload. Raises BadRequest."""
        statement = apply_order(
            select(event).where(event.c.workload_id == workload_id),
            {"createdAt": Field(event.c.created_at, float)},
            query.sort_by,
            query.sort_order,
            event.c.created_at,
            event.c.id,
            default_order="desc",
        )
        return self._all(statement.offset(query.page.offset).limit(query.page.limit + 1))

    def _one(self, statement: Select[Any], workload_id: str, *, gone_too: bool) -> Row[Any]:
        if is_uuid(workload_id):
            with self.database.read() as connection:
                row = connection.execute(statement, {"wanted": workload_id.lower()}).one_or_none()
            if row is not None and (gone_too or row.deleted_at is None):
                return row
        raise unknown(workload_id)

    def _all(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        with self.database.read() as connection:
            return connection.execute(statement).all()


def _workloads() -> Select[Any]:
    return (
        select(
            workload,
            project.c.name.label("project_name"),
            department.c.name.label("department_name"),
            func.coalesce(project.c.default_node_pools, department.c.default_node_pools).label(
                "default_node_pools"
            ),
            _CURRENT_POOL.label("node_pool"),
        )
        .join(project, project.c.id == workload.c.project_id)
        .join(department, department.c.id == workload.c.department_id)
    )


_ONE = _workloads().where(workload.c.id == bindparam("wanted"))
_ONE_RECORD = select(workload).where(workload.c.id == bindparam("wanted"))
"""Built once: building them takes longer than running them."""


def _conditions(query: ListQuery, *, deleted: bool) -> list[ColumnElement[bool]]:
    for entry in (query.filter_by or "").split(","):
        if any(entry.startswith(name) for name in _UNSUPPORTED_FIELDS):
            raise BadRequest(f"filterBy: {entry!r} asks for what this platform does not measure")
    conditions = conditions_of(query.filter_by, WORKLOAD_FIELDS)
    if query.search:
        conditions.append(
            or_(contains(workload.c.name, query.search), contains(project.c.name, query.search))
        )
    gone = workload.c.deleted_at.is_not(None)
    return [*conditions, gone if deleted else ~gone]
