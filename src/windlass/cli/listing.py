"""`windlass ls`: workloads, one a line."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from windlass.cli.output import print_json, print_table
from windlass.cli.progress import replicas
from windlass.cli.target import client_of
from windlass.cli.wording import age
from windlass.client import Client
from windlass.client.types import Workload


@dataclass(frozen=True, slots=True)
class Selection:
    """Which workloads are asked for; None leaves a field open."""

    deleted: bool = False
    project: str | None = None
    phase: str | None = None
    search: str | None = None
    filters: Sequence[str] = ()
    sort_by: str = "name"
    descending: bool = False
    limit: int | None = None


def run(data_dir: Path, selection: Selection, as_json: bool) -> int:
    """Print the workloads selected; finding none is no failure."""
    with client_of(data_dir) as client:
        found = list(islice(_select(client, selection), selection.limit))
    if as_json:
        print_json(found)
    elif not found:
        print(f"There is no workload{' like that' if _is_narrow(selection) else ''}.")
    else:
        _print(found, deleted=selection.deleted)
    return 0


def _select(client: Client, selection: Selection) -> Iterable[Workload]:
    filters = list(selection.filters)
    if selection.project is not None:
        filters.append(f"projectName=={selection.project}")
    if selection.phase is not None:
        filters.append(f"phase=={selection.phase}")
    return client.workloads(
        filter_by=filters,
        sort_by=selection.sort_by,
        sort_order="desc" if selection.descending else "asc",
        search=selection.search,
        deleted=selection.deleted,
    )


def _is_narrow(selection: Selection) -> bool:
    return (
        bool(selection.project or selection.phase or selection.search or selection.filters)
        or selection.deleted
    )


def _print(found: Sequence[Workload], *, deleted: bool) -> None:
    now = time.time()
    if deleted:
        headings: Sequence[str] = ("NAME", "PROJECT", "TYPE", "LIVED SINCE", "DELETED", "ID")
        rows = [_deleted_row(workload, now) for workload in found]
    else:
        headings = ("NAME", "PROJECT", "PHASE", "READY", "AGE", "URL")
        rows = [_row(workload, now) for workload in found]
    print_table(headings, rows)


def _row(workload: Workload, now: float) -> Sequence[str]:
    ready, wanted = replicas(workload)
    urls = workload.get("urls") or []
    return (
        workload["name"],
        workload["projectName"],
        workload["phase"],
        f"{ready}/{wanted}",
        age(workload["createdAt"], now),
        urls[0] if urls else "",
    )


def _deleted_row(workload: Workload, now: float) -> Sequence[str]:
    return (
        workload["name"],
        workload["projectName"],
        workload["type"],
        f"{age(workload['createdAt'], now)} ago",
        f"{age(workload.get('deletedAt'), now)} ago",
        workload["id"],
    )
