"""`windlass submit`: workloads from a file or a template, watched until they run or fail."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from windlass.cli.asset_files import TEMPLATE
from windlass.cli.configuration import BadOption
from windlass.cli.documents import read_documents
from windlass.cli.output import print_json, print_table, warn
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
    template: str | None = None
    name: str | None = None
    dry_run: bool = False

    def documents(self) -> list[dict[str, Any]]:
        """The bodies that are asked for, as they are written. Raises BadFile, BadOption."""
        if self.files and self.name is not None:
            raise BadOption("--name is for a template without a file; the file says the name")
        if self.files:
            return [document for file in self.files for document in read_documents(file)]
        if self.template is None or self.name is None:
            raise BadOption("say what to submit: --file, or --template and --name")
        return [{"name": self.name}]


def run(data_dir: Path, submission: Submission) -> int:
    """Create what the files ask for. 1 when anything was refused, failed or took too long.

    Every file is read before anything is sent. Raises BadFile, BadOption.
    """
    documents = submission.documents()
    with client_of(data_dir) as client:
        defaults = _defaults(client, data_dir, submission.project)
        if submission.template is not None:
            defaults = {**defaults, "templateId": _template(client, submission.template, defaults)}
        if submission.dry_run:
            return _preview(client, documents, defaults, as_json=submission.as_json)
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


def _template(client: Client, name_or_id: str, defaults: Mapping[str, str]) -> str:
    templates = client.assets(TEMPLATE, project_id=defaults["projectId"])
    for found in templates:
        if name_or_id in (found["meta"]["name"], found["meta"]["id"]):
            return str(found["meta"]["id"])
    names = ", ".join(found["meta"]["name"] for found in templates) or "none"
    raise ClientError(
        f"There is no template {name_or_id!r} that can be used in the project. There are: {names}"
    )


def _preview(
    client: Client,
    documents: Sequence[Mapping[str, Any]],
    defaults: Mapping[str, str],
    *,
    as_json: bool,
) -> int:
    """Show what each would be made as; 1 when one would be refused."""
    seen = []
    for position, document in enumerate(documents, start=1):
        request = cast(InferenceRequest, {**defaults, **document})
        try:
            seen.append(client.preview_inference(request))
        except ApiError as error:
            warn(f"{document.get('name', f'document {position}')} would be refused: {error}")
    if as_json:
        print_json(seen)
        return int(len(seen) < len(documents))
    for combined in seen:
        values = leaves("spec", combined["spec"])
        rows = [(path, str(value), combined["origins"][path]) for path, value in values]
        print_table(("FIELD", "VALUE", "FROM"), sorted(rows))
    return int(len(seen) < len(documents))


def leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every single value below a path, with its own."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from leaves(f"{path}.{key}", member)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from leaves(f"{path}[{index}]", entry)
    else:
        yield path, value


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
