"""Whether a workload of some type could be made from an asset in some project, and why not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from windlass.assets.surroundings import Workloads
from windlass.identity.permissions import covers
from windlass.kit.errors import BadRequest, FieldError
from windlass.org.scopes import Unit, scope_path

WORKLOAD_TYPES = ("Workspace", "Training", "Distributed", "Inference")
REPLICA_TYPES = ("Worker", "Master")


@dataclass(frozen=True, slots=True)
class Question:
    """For which project and type of workload compliance is asked."""

    project: Unit | None
    """None where there is no such project to be known of."""
    project_id: int
    workload_type: str


def check_types(workload_type: str | None, replica_type: str | None) -> None:
    """Raises BadRequest for types that there are not, and for one without its other."""
    if workload_type is not None and workload_type not in WORKLOAD_TYPES:
        raise _wrong("complyToWorkloadType", workload_type, WORKLOAD_TYPES)
    if replica_type is not None and replica_type not in REPLICA_TYPES:
        raise _wrong("complyToReplicaType", replica_type, REPLICA_TYPES)
    if workload_type == "Distributed" and replica_type is None:
        raise BadRequest(
            "complyToReplicaType: is required where complyToWorkloadType is Distributed"
        )


def compliance_view(
    row: Row[Any], spec: Mapping[str, Any], question: Question, workloads: Workloads
) -> dict[str, Any]:
    """`compliance` on the wire. Nothing imposes assets on workloads yet."""
    reasons = list(_reasons(row, spec, question, workloads))
    return {
        "imposed": False,
        "compliance": not reasons,
        "reason": [{"field": error.path or None, "details": error.problem} for error in reasons],
    }


def supports(supported: Mapping[str, Any] | None, workload_type: str) -> bool:
    """Whether an asset with these supported types is for workloads of that type: unless it says
    that it is not."""
    return (supported or {}).get(workload_type.lower()) is not False


def _reasons(
    row: Row[Any], spec: Mapping[str, Any], question: Question, workloads: Workloads
) -> Iterator[FieldError]:
    project = question.project
    if project is None or not covers(row.scope_path, scope_path(project)):
        yield FieldError("", f"it cannot be used in project {question.project_id}")
    if not supports(row.supported_types, question.workload_type):
        yield FieldError("", f"it is not meant for workloads of type {question.workload_type}")
    for objection in workloads.objections(row.kind, spec, question.workload_type):
        path = f"{row.kind}.{objection.path}" if objection.path else ""
        yield FieldError(path, objection.problem)


def _wrong(name: str, given: str, allowed: Sequence[str]) -> BadRequest:
    return BadRequest(f"{name}: is {given!r}; it must be one of {', '.join(allowed)}")
