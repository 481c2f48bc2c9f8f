"""Reading audit records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, func, null, or_, select

from windlass.audit.tables import audit_record
from windlass.audit.trail import Action
from windlass.kit.database import Database
from windlass.kit.errors import BadRequest
from windlass.kit.paging import Field, apply_order, conditions_of
from windlass.kit.timestamps import from_wire

DEFAULT_SAMPLES = 20
MOST_SAMPLES = 1000
_MOST_OFFSET = 2**31 - 1


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which records are asked for: from `start` on, and before `end`."""

    start: float
    end: float
    offset: int = 0
    samples: int = DEFAULT_SAMPLES
    sort_by: str | None = None
    sort_order: str | None = None
    filter_by: str | None = None
    with_reads: bool = False
    """Whether refused reads belong to it, whose action no published client knows."""


class AuditLog:
    """The records of one platform, each with the name of its cluster."""

    def __init__(self, database: Database, cluster_name: ColumnElement[Any] | None = None) -> None:
        """`cluster_name` finds the name that belongs to `audit_record.cluster_id`."""
        name = null() if cluster_name is None else cluster_name
        self._database = database
        self._select = select(audit_record, name.label("cluster_name"))
        column = audit_record.c
        self._fields = {
            "timestamp": Field(column.at, float),
            "subject": Field(column.subject),
            "subject_type": Field(column.subject_type),
            "source_ip": Field(column.source_address),
            "action": Field(column.action),
            "http_method": Field(column.http_method),
            "result": Field(column.result),
            "url": Field(column.url),
            "entity_type": Field(column.entity_type),
            "entity_name": Field(column.entity_name),
            "entity_id": Field(column.entity_id),
            "request_id": Field(column.request_id),
            "cluster_name": Field(name),
        }

    def entries(self, tenant_id: int, query: AuditQuery) -> Sequence[Row[Any]]:
        """Up to `query.samples` records. Raises BadRequest."""
        statement = apply_order(
            self._select.where(*self._conditions(tenant_id, query)),
            self._fields,
            query.sort_by,
            query.sort_order,
            audit_record.c.at,
            audit_record.c.id,
        )
        with self._database.read() as connection:
            return connection.execute(statement.offset(query.offset).limit(query.samples)).all()

    def count(self, tenant_id: int, query: AuditQuery) -> int:
        """How many records there are in all of what is asked for. Raises BadRequest."""
        statement = (
            select(func.count())
            .select_from(audit_record)
            .where(*self._conditions(tenant_id, query))
        )
        with self._database.read() as connection:
            return int(connection.execute(statement).scalar_one())

    def _conditions(self, tenant_id: int, query: AuditQuery) -> list[ColumnElement[bool]]:
        column = audit_record.c
        conditions = [
            # Nobody knows the tenant of a name that does not exist.
            or_(column.tenant_id == tenant_id, column.tenant_id.is_(None)),
            column.at >= query.start,
            column.at < query.end,
            *conditions_of(query.filter_by, self._fields),
        ]
        if not query.with_reads:
            conditions.append(column.action != Action.READ.value)
        return conditions


def time_range(start: str | None, end: str | None) -> tuple[float, float]:
    """Both ends of the time asked for, in seconds since the epoch. Raises BadRequest."""
    began, ended = _moment("start", start), _moment("end", end)
    if began >= ended:
        raise BadRequest(f"start: is {start!r}; it must be before end, which is {end!r}")
    return began, ended


def whole_number(name: str, text: str | None, default: int, most: int) -> int:
    """A parameter from 0 to `most`. Raises BadRequest."""
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) > most:
        raise BadRequest(f"{name}: is {text!r}; it must be an integer from 0 to {most}")
    return int(text)


def offset_of(text: str | None) -> int:
    """How many records to pass over. Raises BadRequest."""
    return whole_number("offset", text, 0, _MOST_OFFSET)


def _moment(name: str, text: str | None) -> float:
    if text is None:
        raise BadRequest(f"{name}: is required, as a date and time in ISO 8601")
    try:
        return from_wire(text)
    except (ValueError, OverflowError):
        raise BadRequest(
            f"{name}: is {text!r}; it must be a date and time in ISO 8601, such as "
            "2026-01-31T12:00:00Z"
        ) from None
