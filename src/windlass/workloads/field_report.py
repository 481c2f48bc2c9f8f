"""Writes the page that says what becomes of every field, from the data files.

python -m windlass.workloads.field_report docs/fields.md
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from windlass.workloads.field_support import (
    EngineKind,
    FieldFacts,
    FieldTable,
    Support,
    Treatment,
)
from windlass.workloads.inferences.fields import field_table

TESTS = "tests/end_to_end/"


def report(tables: Iterable[FieldTable]) -> str:
    """The whole page, as Markdown."""
    return "\n".join([*_INTRODUCTION, *(line for table in tables for line in _section(table))])


def published_tables() -> tuple[FieldTable, ...]:
    """The bodies that the page is about."""
    return (field_table(),)


_INTRODUCTION = (
    "# What becomes of every field",
    "",
    "Made from the data files beside the code by `python -m windlass.workloads.field_report"
    " docs/fields.md`; a test fails when it is stale.",
    "",
    f"- **honoured**, with the test in `{TESTS}` that shows it;",
    "- **refused**: 400 at the field's path, with this reason;",
    "- **not yet**: 400 at the field's path, naming what it will come with;",
    "- **informational**: kept and shown, and nothing follows from it.",
    "",
    "`null` counts as absent everywhere, and so does the value in the column *asks for nothing*."
    " Fields in no published version are ignored.",
    "",
)


def _section(table: FieldTable) -> Iterator[str]:
    yield f"## {table.title}"
    yield ""
    yield f"| field | asks for nothing | {' | '.join(EngineKind)} |"
    yield f"|---|---|{'---|' * len(EngineKind)}"
    for facts in table.fields.values():
        yield _row(facts)
    yield ""


def _row(facts: FieldFacts) -> str:
    neutral = "" if facts.neutral is None else f"`{_json(facts.neutral)}`"
    cells = (_cell(facts.support[kind]) for kind in EngineKind)
    return f"| `{facts.path}` | {neutral} | {' | '.join(cells)} |"


def _cell(support: Support) -> str:
    text = f"`{support.text}`" if support.treatment is Treatment.HONOURED else support.text
    words = f"{support.treatment}: {text}"
    if support.only is not None:
        words += f"; only {support.only}"
    for value, other in support.unless.items():
        words += f"; `{value}` {_cell(other)}"
    return words


def _json(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(report(published_tables()), "utf-8")
