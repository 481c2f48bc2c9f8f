"""`windlass delete`: the end of workloads."""

from collections.abc import Sequence
from pathlib import Path

from windlass.cli.names import find_workload
from windlass.cli.output import print_json, warn
from windlass.cli.progress import Progress
from windlass.cli.target import client_of
from windlass.cli.waiting import Waiting
from windlass.client import Client, NotFound
from windlass.client.types import Workload


def run(
    data_dir: Path,
    names: Sequence[str],
    *,
    project: str | None,
    wait: bool,
    timeout_seconds: float | None,
    as_json: bool,
) -> int:
    """Delete all that is named, or nothing when one of the names does not fit.

    Raises NoSuchWorkload or AmbiguousName. 1 when the wait took too long.
    """
    with client_of(data_dir) as client:
        found = {each["id"]: each for each in (find_workload(client, n, project) for n in names)}
        for workload_id in found:
            _delete(client, workload_id)
        gone = wait and _wait(client, found, timeout_seconds, quiet=as_json)
    if as_json:
        print_json([{"id": each["id"], "name": each["name"]} for each in found.values()])
    else:
        for workload in found.values():
            print(f"{workload['name']} is gone." if gone else f"{workload['name']} is ending.")
    if wait and not gone:
        warn(f"not gone within {timeout_seconds:g} s; requests in flight have 30 s to end.")
        return 1
    return 0


def _delete(client: Client, workload_id: str) -> None:
    try:
        client.delete_inference(workload_id)
    except NotFound:
        return  # Gone since its name was looked up, which is what was asked for.


def _wait(
    client: Client, found: dict[str, Workload], timeout_seconds: float | None, *, quiet: bool
) -> bool:
    with Progress(quiet=quiet) as progress:
        waiting = Waiting(client, progress, timeout_seconds)
        return waiting.until(found, lambda _workload: False).in_time
