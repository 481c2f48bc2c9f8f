"""Bodies that create an inference, and what is wrong with them."""

import json
from typing import Any

from windlass.kit.errors import BadRequest
from windlass.workloads.field_support import EngineKind
from windlass.workloads.inferences.reading import read_creation
from windlass.workloads.inferences.rules import spec_errors
from windlass.workloads.inferences.schemas import InferenceCreationRequest, InferenceSpec

CLUSTER = "123e4567-e89b-12d3-a456-426614174000"


def body(**fields: Any) -> dict[str, Any]:
    """The least that creates an inference; `fields` of the spec are added or replace."""
    spec = {"image": "host/digits", "servingPort": {"container": 8000}, **fields}
    return {"name": "digits", "projectId": "1", "clusterId": CLUSTER, "spec": spec}


def spec(**fields: Any) -> InferenceSpec:
    """A spec whose fields have the right form."""
    return InferenceSpec.model_validate(body(**fields)["spec"])


def rule_errors(**fields: Any) -> dict[str, str]:
    """What the rules between fields find, by path without `spec.`."""
    return {
        error.path.removeprefix("spec."): error.problem for error in spec_errors(spec(**fields))
    }


def read(given: dict[str, Any]) -> InferenceCreationRequest:
    """The body as the service reads it."""
    return read_creation(json.dumps(given).encode(), "application/json", EngineKind.PROCESS)


def problems(given: dict[str, Any], engine: EngineKind = EngineKind.PROCESS) -> dict[str, str]:
    """What a caller is told, by path; empty where the body is taken."""
    try:
        read_creation(json.dumps(given).encode(), "application/json", engine)
    except BadRequest as error:
        lines = [error.message, *(error.details or "").splitlines()]
        return dict(line.split(": ", 1) for line in lines)
    return {}
