"""Why an inference could not be made from an asset: fields that no engine here honours."""

from collections.abc import Mapping, Sequence
from typing import Any

from windlass.assets.kinds import KINDS_BY_NAME
from windlass.kit.errors import FieldError
from windlass.workloads.field_support import EngineKind, engine_kind
from windlass.workloads.inferences.fields import field_table

_SPEC = "spec."
_SECURITY = "security."
"""Assets have what is in this part of a spec beside all else."""


def inference_objections(kind: str, spec: Mapping[str, Any]) -> Sequence[FieldError]:
    """Why no inference could be made from an asset of that kind with that spec.

    An asset that names no image is held against what containers honour, which is most.
    """
    in_workload = KINDS_BY_NAME[kind].in_workload
    if in_workload is None:
        return [FieldError("", "it cannot be used in workloads yet")]
    part = in_workload(spec)
    runs_on = engine_kind(part["image"]) if "image" in part else EngineKind.CONTAINER
    problems = list(KINDS_BY_NAME[kind].unfit(spec))
    for error in field_table().refusals({"spec": part}, runs_on):
        path = error.path.removeprefix(_SPEC).removeprefix(f"{kind}.").removeprefix(_SECURITY)
        problems.append(FieldError(path, error.problem))
    return problems
