"""`windlass submit`: workloads from a file, watched until they run or fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from windlass.cli.documents import read_documents
from windlass.cli.output import print_json, warn
from windlass.cli.progress import Progress
from windlass.cli.target import client_of, context_of
from windlass.cli.waiting import Outcome, Waiting, has_settled
from windlass.client import Administrator, ApiError, Client, ClientError, NotFound
from windlass.client.types import Inference, InferenceRequest, Workload

_GOOD_PHASES = ("Running", "Completed")


@dataclass(frozen=True, slots=True)
class Submission:
    """What to submit, and whether to stay until it runs."""

    files: Sequence[Path]
    project: str | None = None
    wait: bool = True
    timeout_seconds: float | None = None
    as_json: bool = False


def run(data_dir: Path, submission: Submission) -> int:
    """Create what the files ask for. 1 when anything was refused, failed or took too long.

    Every file is read before anything is sent. Raises BadFile.
    """
    documents = [document for file in submission.files for document in read_documents(file)]
    with client_of(data_dir) as client:
        defaults = _defaults(client, data_dir, submission.project)
        created, refused = _create_all(client, documents, defaults, quiet=submission.as_json)
        outcome = _wait(client, created, submission) if submission.wait else None
        if submission.as_json:
            print_json([_latest(client, inference) for inference in created])
    if outcome is None:
        return 1 if refused else 0
    good = [_report_end(inference, outcome, submission) for inference in created]
    return 1 if refused or not all(good) else 0


def _defaults(client: Client, data_dir: Path, project_name: str | None) -> Mapping[str, str]:
    if project_name is None and context_of(data_dir) is None:
        administrator = Administrator.read(data_dir)
        return {"projectId": administrator.project_id, "clusterId": administrator.cluster_id}
    projects = list(client.projects())
    fitting = [each for each in projects if project_name in (None, each["name"])]
    if len(fitting) == 1:
        return {"projectId": fitting[0]["id"], "clusterId": fitting[0]["clusterId"]}
    names = ", ".join(project["name"] for project in projects) or "none that you may see"
    if project_name is None:
        raise ClientError(f"Say in which project, with --project. There are: {names}")
    raise ClientError(f"There is no project {project_name!r}. There are: {names}")


def _create_all(
    client: Client,
    documents: Sequence[Mapping[str, Any]],
    defaults: Mapping[str, str],
    *,
    quiet: bool,
) -> tuple[list[Inference], bool]:
    """What was created, and whether anything was refused; each refusal is told."""
    created, refused = [], False
    for position, document in enumerate(documents, start=1):
        name = document.get("name", f"document {position}")
        try:
            inference = client.create_inference(cast(InferenceRequest, {**defaults, **document}))
        except ApiError as error:
            warn(f"{name} was refused: {error}")
            refused = True
            continue
        created.append(inference)
        if not quiet:
            print(f"{inference['name']} is accepted as {inference['workloadId']}.", flush=True)
    return created, refused


def _wait(client: Client, created: Sequence[Inference], submission: Submission) -> Outcome:
    ids = [inference["workloadId"] for inference in created]
    with Progress(quiet=submission.as_json) as progress:
        for inference in created:
            progress.begin(inference)
        try:
            return Waiting(client, progress, submission.timeout_seconds).until(ids, has_settled)
        except KeyboardInterrupt:
            names = " ".join(inference["name"] for inference in created)
            warn(f"no longer watching; what was submitted goes on: windlass describe {names}")
            raise


def _latest(client: Client, inference: Inference) -> Workload | Inference:
    try:
        return client.workload(inference["workloadId"])
    except NotFound:
        return inference


def _report_end(inference: Inference, outcome: Outcome, submission: Submission) -> bool:
    """Say how one ended up; whether that is what was wanted."""
    name, workload_id = inference["name"], inference["workloadId"]
    if workload_id not in outcome.ends:
        state = _state(outcome.latest.get(workload_id))
        warn(f"waited {submission.timeout_seconds:g} s; {name} is still {state}\n{_more(name)}")
        return False
    workload = outcome.ends[workload_id]
    if workload is None:
        warn(f"{name} was deleted before it ran.")
        return False
    if workload["phase"] not in _GOOD_PHASES:
        warn(f"{name} is {_state(workload)}\n{_more(name)}")
        return False
    if not submission.as_json:
        for url in workload.get("urls") or []:
            print(f"{name} answers at {url}")
    return True


def _state(workload: Workload | None) -> str:
    if workload is None:
        return "unknown: the platform has not answered."
    reason = workload.get("phaseMessage") or workload.get("phaseReason") or "no reason is given."
    return f"{workload['phase']}: {reason}"


def _more(name: str) -> str:
    return f"  windlass describe {name}\n  windlass logs {name}"
