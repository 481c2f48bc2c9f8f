"""`windlass top`: what workloads are doing, again and again."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from windlass.cli.output import console, print_json, print_table, styled
from windlass.cli.target import client_of
from windlass.client import ApiError, BadAnswer, ClientError, Unreachable
from windlass.client.types import LiveWorkload

if TYPE_CHECKING:
    from rich.console import RenderableType

_HEADINGS = (
    "NAME",
    "PROJECT",
    "PHASE",
    "READY",
    "WANTED",
    "REQUESTS/S",
    "LATENCY",
    "IN FLIGHT",
    "HELD",
)
_FIRST_NUMBER = 3
_UNKNOWN = "—"


@dataclass(frozen=True, slots=True)
class Watch:
    """What to watch, and how."""

    project: str | None = None
    interval_seconds: float = 1.0
    once: bool = False
    as_json: bool = False


def run(data_dir: Path, watch: Watch) -> int:
    """Show workloads until Ctrl-C; busy ones first."""
    with client_of(data_dir) as client:

        def look() -> list[LiveWorkload]:
            filters = [f"projectName=={watch.project}"] if watch.project else []
            return sorted(client.live(filter_by=filters), key=_busiest_first)

        if watch.once or watch.as_json:
            _print_once(look, watch)
        elif sys.stdout.isatty():
            _show_until_interrupted(look, watch.interval_seconds)
        else:
            _print_until_interrupted(look, watch.interval_seconds)
    return 0


def rows_of(workloads: Sequence[LiveWorkload]) -> list[Sequence[str]]:
    """The cells of the table."""
    return [
        (
            workload["name"],
            workload["projectName"],
            workload["phase"],
            str(workload["replicas"]["ready"]),
            _wanted(workload),
            _number(workload["requestsPerSecond"], "{:.1f}"),
            _number(workload["latencyMilliseconds"], "{:.1f} ms"),
            _number(workload["inFlight"], "{}"),
            _number(workload["held"], "{}"),
        )
        for workload in workloads
    ]


def _print_once(look: Callable[[], list[LiveWorkload]], watch: Watch) -> None:
    look()
    # Rates need two readings.
    time.sleep(watch.interval_seconds)
    workloads = look()
    if watch.as_json:
        print_json(workloads)
    else:
        print_table(_HEADINGS, rows_of(workloads))


def _print_until_interrupted(look: Callable[[], list[LiveWorkload]], seconds: float) -> None:
    while True:
        print_table(_HEADINGS, rows_of(look()))
        print(flush=True)
        time.sleep(seconds)


def _show_until_interrupted(look: Callable[[], list[LiveWorkload]], seconds: float) -> None:
    from rich.live import Live

    with Live(console=console(), screen=True, auto_refresh=False) as live:
        while True:
            live.update(view_of(look), refresh=True)
            time.sleep(seconds)


def view_of(look: Callable[[], list[LiveWorkload]]) -> "RenderableType":
    """What there is to see now. Raises ClientError where looking again would not help."""
    from rich.text import Text

    try:
        return _table(look())
    except ClientError as error:
        if not _may_pass(error):
            raise
        return Text(f"{error}\nAsking again.", style="yellow")


def _may_pass(error: ClientError) -> bool:
    """Whether a platform that is just starting, or its store or what stands before it, says so."""
    if isinstance(error, ApiError):
        return error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, (Unreachable, BadAnswer))


def _table(workloads: Sequence[LiveWorkload]) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    if not workloads:
        return Text("There is no workload.")
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
    for position, heading in enumerate(_HEADINGS):
        table.add_column(
            heading, no_wrap=True, justify="right" if position >= _FIRST_NUMBER else "left"
        )
    for row in rows_of(workloads):
        table.add_row(*(styled(cell) for cell in row))
    return table


def _busiest_first(workload: LiveWorkload) -> tuple[float, str, str]:
    return -(workload["requestsPerSecond"] or 0.0), workload["projectName"], workload["name"]


def _wanted(workload: LiveWorkload) -> str:
    replicas = workload["replicas"]
    least, most = replicas["min"], replicas["max"]
    return f"{replicas['wanted']}" if least == most else f"{replicas['wanted']} ({least}–{most})"


def _number(value: float | None, form: str) -> str:
    return _UNKNOWN if value is None else form.format(value)
