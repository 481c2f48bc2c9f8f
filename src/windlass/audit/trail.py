"""Writing audit records.

A change is recorded in its own transaction, so that neither is without the other; a refusal, which
changes nothing, in one of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from windlass.audit.origin import Origin, current_origin
from windlass.audit.tables import audit_record
from windlass.kit.database import Database
from windlass.kit.ids import new_id

_AT_ONCE = 1000
_DAY_SECONDS = 24 * 3600.0
_SUBJECT_TYPES = {"user": "User", "app": "App"}
# `/<tenant>/<cluster>/…`
_CLUSTER_SEGMENT = 2


class Action(StrEnum):
    """What was done, or asked for."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    SIGN_IN = "sign-in"
    SIGN_OUT = "sign-out"
    RESET_PASSWORD = "reset-password"


class Result(StrEnum):
    """How it ended."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Entity:
    """What a record is about."""

    type: str
    """A resource type, such as `project`."""
    id: str
    name: str
    scope_path: str = ""
    """Where it is in the tree; empty for what belongs to the whole tenant."""
    details: Mapping[str, str] = field(default_factory=dict)
    """What else an auditor would want to know: short, and never secret. At most eight."""


def record(connection: Connection, action: Action, entity: Entity) -> None:
    """Record a change in its transaction, as done for the current request.

    What the platform does of its own accord is not recorded here: its events tell it.
    """
    origin = current_origin()
    if origin is None:
        return
    status = origin.success_status
    row = _row(origin, action, entity, Result.SUCCEEDED, status)
    connection.execute(insert(audit_record).values(**row))


def record_failure(
    database: Database, origin: Origin, action: Action, entity_type: str, status: int
) -> None:
    """Record that a request was refused, in a transaction of its own. Raises Unavailable."""
    details = {"permission": origin.refused} if origin.refused else {}
    entity = Entity(entity_type, _entity_id(origin), origin.entity_name, origin.scope_path, details)
    row = _row(origin, action, entity, Result.FAILED, status)
    database.write(lambda connection: connection.execute(insert(audit_record).values(**row)))


def record_part(database: Database, action: Action, entity_type: str, status: int) -> None:
    """Record that a part of the current request was refused. Raises Unavailable."""
    origin = current_origin()
    if origin is not None:
        record_failure(database, origin, action, entity_type, status)


def remove_old_audit_records(database: Database, now: float, retention_days: float) -> None:
    """Remove what is older than that, in short transactions."""
    oldest = now - retention_days * _DAY_SECONDS
    while database.write(lambda connection: _remove_some(connection, oldest)):
        pass


def _remove_some(connection: Connection, oldest: float) -> bool:
    some = select(audit_record.c.id).where(audit_record.c.at < oldest).limit(_AT_ONCE)
    ids = connection.execute(some).scalars().all()
    connection.execute(delete(audit_record).where(audit_record.c.id.in_(ids)))
    return len(ids) == _AT_ONCE


def _entity_id(origin: Origin) -> str:
    if origin.entity_id is not None:
        return origin.entity_id
    values = list(origin.parameters.values())
    return str(values[-1])[:100].replace("\0", "") if values else ""


def _row(
    origin: Origin, action: Action, entity: Entity, result: Result, status: int
) -> dict[str, Any]:
    segments = entity.scope_path.split("/")
    return {
        "id": new_id(),
        "at": origin.at,
        "tenant_id": origin.tenant_id,
        "subject": origin.subject,
        "subject_type": _SUBJECT_TYPES.get(origin.subject_type, "User"),
        "source_address": origin.source_address,
        "action": action.value,
        "http_method": origin.method,
        "url": origin.url,
        "entity_type": entity.type,
        "entity_id": entity.id,
        "entity_name": entity.name,
        "result": result.value,
        "http_status_code": status,
        "scope_path": entity.scope_path,
        "cluster_id": segments[_CLUSTER_SEGMENT] if len(segments) > _CLUSTER_SEGMENT else None,
        "request_id": origin.request_id,
        "details": dict(entity.details),
    }
