"""From the bytes of a request to a checked body, or to everything that is wrong with it."""

from typing import Any

from windlass.kit.bodies import elsewhere, validate_soundest
from windlass.kit.errors import invalid_fields
from windlass.kit.strict_json import read_json_object
from windlass.workloads.field_support import EngineKind, engine_kind
from windlass.workloads.inferences.fields import refused_fields
from windlass.workloads.inferences.rules import creation_errors
from windlass.workloads.inferences.schemas import InferenceCreationRequest


def read_creation(
    raw: bytes, content_type: str | None, engine: EngineKind | None = None
) -> InferenceCreationRequest:
    """The body of a creation that is to run on `engine`; None is what its image asks for.

    Raises BadRequest that names every field that is wrong or cannot be honoured. What only the
    store knows is not checked: the project, the cluster, and whether the name is free and fits.
    """
    return check_creation(read_json_object(raw, content_type), engine)


def check_creation(
    body: dict[str, Any], engine: EngineKind | None = None
) -> InferenceCreationRequest:
    """The same of a body that has been read. Raises BadRequest."""
    creation, errors = validate_soundest(InferenceCreationRequest, body)
    wrong = {error.path for error in errors}
    sound = creation or _with_stand_ins(body, wrong)
    if sound is not None:
        runs_on = engine or engine_kind(sound.spec.image if sound.spec else None)
        further = [*creation_errors(sound), *refused_fields(sound, runs_on)]
        errors += elsewhere(further, errors)
    if creation is None or errors:
        raise invalid_fields(errors)
    return creation


_STAND_INS = {"name": "name", "projectId": "1", "clusterId": "00000000-0000-0000-0000-000000000000"}


def _with_stand_ins(body: dict[str, Any], wrong: set[str]) -> InferenceCreationRequest | None:
    """The body with other values where one that must be there is wrong, so that the rest can be
    checked; None where the rest has the wrong form, too."""
    stand_ins = {field: value for field, value in _STAND_INS.items() if field in wrong}
    return validate_soundest(InferenceCreationRequest, {**body, **stand_ins})[0]
