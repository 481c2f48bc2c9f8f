"""Filters, sorting and pages of lists that are made in memory; see `windlass.kit.paging`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from windlass.kit.errors import BadRequest
from windlass.kit.paging import Filter, ListQuery, parse_filter, split_list

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Attribute(Generic[Record]):
    """What records can be filtered and sorted by; None is less than everything else."""

    read: Callable[[Record], Any]
    kind: type = str
    """As in `windlass.kit.paging.Field`."""


def filter_records(
    records: Iterable[Record],
    query: ListQuery,
    attributes: Mapping[str, Attribute[Record]],
    search: Sequence[str] = (),
) -> list[Record]:
    """Those that all filters let through, and in one of whose `search` attributes the query's text
    stands. Raises BadRequest."""
    kinds = {name: attribute.kind for name, attribute in attributes.items()}
    filters = [parse_filter(entry, kinds) for entry in split_list(query.filter_by)]
    wanted = (query.search or "").lower()
    return [
        record
        for record in records
        if all(_passes(attributes[item.field].read(record), item) for item in filters)
        and (not wanted or any(wanted in _text(attributes[name].read(record)) for name in search))
    ]


def sort_records(
    records: Sequence[Record],
    query: ListQuery,
    attributes: Mapping[str, Attribute[Record]],
    default: str,
) -> list[Record]:
    """In the order asked for; equal ones stay in the order they had. Raises BadRequest."""
    if query.sort_order not in (None, "asc", "desc"):
        raise BadRequest(f"sortOrder: is {query.sort_order!r}; it must be asc or desc")
    name = query.sort_by or default
    if name not in attributes:
        raise BadRequest(f"sortBy: is {name!r}; it must be one of {', '.join(sorted(attributes))}")
    read = attributes[name].read

    def key(record: Record) -> tuple[bool, Any]:
        value = read(record)
        return value is not None, value if value is not None else 0

    return sorted(records, key=key, reverse=query.sort_order == "desc")


def page_of_records(records: Sequence[Record], query: ListQuery) -> Sequence[Record]:
    """Up to `limit + 1` of them, as `windlass.kit.paging.page_body` takes them."""
    return records[query.page.offset : query.page.offset + query.page.limit + 1]


def _passes(value: Any, item: Filter) -> bool:
    if value is None:
        return item.operator in ("!=", "!@")
    return bool(_COMPARISONS[item.operator](value, item.value))


def _text(value: Any) -> str:
    return str(value or "").lower()


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": lambda value, other: value == other,
    "!=": lambda value, other: value != other,
    "<=": lambda value, other: value <= other,
    ">=": lambda value, other: value >= other,
    "=@": lambda value, other: other.lower() in value.lower(),
    "!@": lambda value, other: other.lower() not in value.lower(),
    "=^": lambda value, other: value.lower().startswith(other.lower()),
    "=$": lambda value, other: value.lower().endswith(other.lower()),
}
