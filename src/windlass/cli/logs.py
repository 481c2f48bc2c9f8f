"""`windlass logs`: what a replica wrote."""

import json
import sys
from pathlib import Path

from windlass.cli.names import find_workload
from windlass.cli.output import warn
from windlass.cli.pods import has_log
from windlass.cli.target import client_of
from windlass.client import ClientError
from windlass.client.types import Pod, Workload

_ENDED_PODS = 500


class NoLog(ClientError):
    """There is nothing that could have written a log."""


def run(
    data_dir: Path,
    name: str,
    *,
    project: str | None,
    pod: str | None,
    follow: bool,
    tail: int | None,
    as_json: bool,
) -> int:
    """Print a pod's log; with `follow` until the pod ends. Raises NoLog."""
    with client_of(data_dir) as client:
        workload = find_workload(client, name, project)
        pods = client.pods(workload["id"]) + client.ended_pods(workload["id"], _ENDED_PODS)
        chosen = _choose(workload, pods, pod)
        with client.logs(workload["id"], chosen["id"], follow=follow, tail=tail) as lines:
            for line in lines:
                if as_json:
                    line = json.dumps({"pod": chosen["name"], "line": line}, ensure_ascii=False)
                print(line, flush=follow)
    return 0


def _choose(workload: Workload, pods: list[Pod], name_or_id: str | None) -> Pod:
    """The pod that is asked for, else the newest that runs, else the newest that ever ran."""
    if name_or_id is not None:
        return _named(workload, pods, name_or_id)
    started = [pod for pod in _newest_first(pods) if has_log(pod)]
    if not started:
        explanation = workload.get("phaseMessage") or "no replica has been started yet"
        raise NoLog(
            f"{workload['name']} has no log: it is {workload['phase']} ({explanation}). "
            f"More: windlass describe {workload['name']}"
        )
    running = [pod for pod in started if pod["k8sPhase"] == "Running"]
    chosen = (running or started)[0]
    if len(started) > 1 and sys.stderr.isatty():
        warn(f"{len(started)} pods have a log; this is {chosen['name']}. Another: --pod NAME")
    return chosen


def _newest_first(pods: list[Pod]) -> list[Pod]:
    return sorted(pods, key=lambda pod: pod["createdAt"], reverse=True)


def _named(workload: Workload, pods: list[Pod], name_or_id: str) -> Pod:
    for pod in pods:
        if name_or_id in (pod["name"], pod["id"]):
            return pod
    names = ", ".join(pod["name"] for pod in _newest_first(pods)) or "none"
    raise NoLog(f"{workload['name']} has no pod {name_or_id!r}. It has: {names}")
