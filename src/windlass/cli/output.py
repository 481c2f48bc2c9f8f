"""What goes to the terminal: tables and sentences for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_STYLES: Mapping[str, str] = {
    "Running": "green",
    "running": "green",
    "Succeeded": "green",
    "Completed": "green",
    "Failed": "bold red",
    "down": "bold red",
    "Warning": "yellow",
    "Degraded": "yellow",
    "Pending": "yellow",
    "Creating": "cyan",
    "Initializing": "cyan",
    "Updating": "cyan",
    "Deleting": "magenta",
}
_UNBROKEN_COLUMNS = 100_000
_NOTHING = "—"


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def warn(sentence: str) -> None:
    """A sentence on standard error."""
    print(f"windlass: {printable(sentence)}", file=sys.stderr)


def console() -> "Console":
    """Standard output, whose lines are never broken when it is not a terminal."""
    from rich.console import Console

    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, width=_UNBROKEN_COLUMNS)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], indent: int = 0) -> None:
    """Left-aligned columns under headings; only the last column is ever broken."""
    from rich.padding import Padding
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
    for position, heading in enumerate(headings):
        last = position == len(headings) - 1
        table.add_column(heading, no_wrap=not last, overflow="fold")
    for row in rows:
        table.add_row(*(styled(cell) for cell in row))
    _print_trimmed(Padding(table, (0, 0, 0, indent)))


def print_facts(facts: Sequence[tuple[str, str]], indent: int = 0) -> None:
    """A name and its value a line; facts without a value are left out."""
    from rich.padding import Padding
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        if value:
            table.add_row(name, styled(value))
    _print_trimmed(Padding(table, (0, 0, 0, indent)))


def styled(text: str) -> "Text":
    """The text, in the colour of the phase or state that it names, if it names one."""
    from rich.text import Text

    return Text(printable(text) or _NOTHING, style=_STYLES.get(text, ""))


def printable(text: str) -> str:
    """The text without what a terminal would obey rather than show; line ends stay."""
    return "".join(character if _shows(character) else "\ufffd" for character in text)


def _shows(character: str) -> bool:
    return character.isprintable() or character in "\n\t "


def _print_trimmed(renderable: Any) -> None:
    """Print without the blanks that tables leave at the ends of lines."""
    target = console()
    with target.capture() as capture:
        target.print(renderable)
    for line in capture.get().splitlines():
        print(line.rstrip())
