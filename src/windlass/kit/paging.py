"""Pages, filters and sorting of lists, as every list of the API has them.

`filterBy` is a comma-joined list of `field<operator>value`; all of them must hold.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, func, literal

from windlass.kit.errors import BadRequest
from windlass.kit.timestamps import from_wire

DEFAULT_LIMIT = 50
MAXIMUM_LIMIT = 500
_MAXIMUM_OFFSET = 2**31 - 1
_OPERATORS = ("==", "!=", "<=", ">=", "=@", "!@", "=^", "=$")
_FILTER = re.compile(
    r"(?P<field>[A-Za-z0-9_]+)(?P<operator>==|!=|<=|>=|=@|!@|=\^|=\$)(?P<value>.+)", re.DOTALL
)
_ORDERED_OPERATORS = ("==", "!=", "<=", ">=")
_FINEST_SHOWN_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    offset: int = 0
    limit: int = DEFAULT_LIMIT


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list is asked for."""

    page: Page
    filter_by: str | None = None
    sort_by: str | None = None
    sort_order: str | None = None
    search: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a list can be filtered and sorted by."""

    column: ColumnElement[Any]
    kind: type = str
    """`str`, `int`, `bool` for a column of 0 and 1, `Decimal` for any number, or `float` for a
    point in time."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition of a `filterBy`."""

    field: str
    operator: str
    value: Any
    kind: type


def page_of(offset: str | None, limit: str | None) -> Page:
    """Read the paging parameters of a query. Raises BadRequest."""
    return Page(
        offset=_integer("offset", offset, 0, 0, _MAXIMUM_OFFSET),
        limit=_integer("limit", limit, DEFAULT_LIMIT, 1, MAXIMUM_LIMIT),
    )


def boolean_of(name: str, text: str | None) -> bool:
    """Read a boolean parameter of a query; absent is False. Raises BadRequest."""
    if text is None or text == "false":
        return False
    if text == "true":
        return True
    raise BadRequest(f"{name}: is {text!r}; it must be true or false")


def split_list(text: str | None) -> list[str]:
    """The entries of a comma-joined parameter."""
    return [entry for entry in (text or "").split(",") if entry]


def conditions_of(filter_by: str | None, fields: Mapping[str, Field]) -> list[ColumnElement[bool]]:
    """The conditions that `filterBy` asks for. Raises BadRequest."""
    return [_condition(entry, fields) for entry in split_list(filter_by)]


def apply_order(
    query: Select[Any],
    fields: Mapping[str, Field],
    sort_by: str | None,
    sort_order: str | None,
    default: ColumnElement[Any],
    tie: ColumnElement[Any],
    default_order: str = "asc",
) -> Select[Any]:
    """Sort by one of `fields`, ties by `tie`, so that pages never overlap. Raises BadRequest."""
    order = default_order if sort_order is None else sort_order
    if order not in ("asc", "desc"):
        raise BadRequest(f"sortOrder: is {order!r}; it must be asc or desc")
    if sort_by is not None and sort_by not in fields:
        raise BadRequest(f"sortBy: is {sort_by!r}; it must be one of {', '.join(sorted(fields))}")
    column = fields[sort_by].column if sort_by is not None else default
    ordered = (column.desc(), tie.desc()) if order == "desc" else (column.asc(), tie.asc())
    return query.order_by(*ordered)


def page_body(name: str, found: Sequence[Any], query: ListQuery) -> dict[str, Any]:
    """The body of a list. `found` holds up to `limit + 1` entries; the last says there are more."""
    page = query.page
    body: dict[str, Any] = {name: list(found[: page.limit])}
    if len(found) > page.limit:
        body["next"] = page.offset + page.limit
    return body


def _integer(name: str, text: str | None, default: int, minimum: int, maximum: int) -> int:
    if text is None:
        return default
    if not re.fullmatch(r"-?[0-9]{1,20}", text) or not minimum <= int(text) <= maximum:
        raise BadRequest(f"{name}: is {text!r}; it must be an integer from {minimum} to {maximum}")
    return int(text)


def _condition(entry: str, fields: Mapping[str, Field]) -> ColumnElement[bool]:
    filter_ = parse_filter(entry, {name: field.kind for name, field in fields.items()})
    value = filter_.value
    if filter_.kind is int:
        # Wider than most columns: a comparison may name a number that no column holds.
        value = literal(value, BigInteger)
    elif filter_.kind is bool:
        value = int(value)
    elif filter_.kind is float and filter_.operator != ">=":
        return _at_moment(fields[filter_.field].column, filter_.operator, value)
    return _COMPARISONS[filter_.operator](fields[filter_.field].column, value)


def _at_moment(column: ColumnElement[Any], operator: str, moment: float) -> ColumnElement[bool]:
    """Whether the column's time as it is shown, without what is finer than that, compares so."""
    is_not_later = column < moment + _FINEST_SHOWN_SECONDS
    if operator == "<=":
        return is_not_later
    is_then = and_(column >= moment, is_not_later)
    return is_then if operator == "==" else ~is_then


def parse_filter(entry: str, kinds: Mapping[str, type]) -> Filter:
    """One entry of a `filterBy`; `kinds` are the fields there are, as in `Field.kind`.

    Raises BadRequest.
    """
    match = _FILTER.fullmatch(entry)
    if match is None:
        raise BadRequest(
            f"filterBy: {entry!r} is not <field><operator><value>; "
            f"operators are {' '.join(_OPERATORS)}"
        )
    name, operator, text = match["field"], match["operator"], match["value"]
    if name not in kinds:
        raise BadRequest(
            f"filterBy: there is no field {name!r}; fields are {', '.join(sorted(kinds))}"
        )
    kind = kinds[name]
    if kind is not str and operator not in _ORDERED_OPERATORS:
        raise BadRequest(f"filterBy: {name} can only be compared by {' '.join(_ORDERED_OPERATORS)}")
    return Filter(name, operator, _value(name, kind, text), kind)


def _value(name: str, kind: type, text: str) -> Any:
    if "\0" in text:
        raise BadRequest(f"filterBy: {name} is compared with text that has a NUL character")
    try:
        return _READ.get(kind, str)(text)
    except (KeyError, ValueError, OverflowError):
        raise BadRequest(
            f"filterBy: {name} is compared with {text!r}, not {_EXPECTED[kind]}"
        ) from None


def _read_integer(text: str) -> int:
    number = int(text)
    if abs(number) >= 2**63:
        raise ValueError
    return number


def _read_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _read_boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


_READ: Mapping[type, Callable[[str], Any]] = {
    int: _read_integer,
    float: from_wire,
    Decimal: _read_number,
    bool: _read_boolean,
}
_EXPECTED: Mapping[type, str] = {
    int: "an integer",
    float: "a date and time in ISO 8601",
    Decimal: "a number",
    bool: "true or false",
}


def contains(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    """Whether the text has `value` in it, in either case."""
    return func.lower(column).contains(str(value).lower(), autoescape=True)


_COMPARISONS: Mapping[str, Callable[[ColumnElement[Any], Any], ColumnElement[bool]]] = {
    "==": lambda column, value: column == value,
    "!=": lambda column, value: column != value,
    "<=": lambda column, value: column <= value,
    ">=": lambda column, value: column >= value,
    "=@": contains,
    "!@": lambda column, value: ~contains(column, value),
    "=^": lambda column, value: func.lower(column).startswith(value.lower(), autoescape=True),
    "=$": lambda column, value: func.lower(column).endswith(value.lower(), autoescape=True),
}
