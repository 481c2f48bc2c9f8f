"""From the bytes of a request to a checked body, or to everything that is wrong with it."""

from collections.abc import Iterator
from typing import TypeVar

from windlass.assets.kind import Kind
from windlass.assets.schemas import AssetCreation, AssetUpdate, PartialUpdate
from windlass.kit.bodies import elsewhere, validate_soundest
from windlass.kit.errors import FieldError, invalid_fields
from windlass.kit.strict_json import read_json_object
from windlass.spec.model import SpecModel, structural_errors

Body = TypeVar("Body", AssetCreation, AssetUpdate | PartialUpdate)

_LONGEST_NAME = 255


def read_asset(kind: Kind, model: type[Body], raw: bytes, content_type: str | None) -> Body:
    """The body of a creation or an update of that kind.

    What only the store knows is not checked: the unit, whether the name is free, and what the spec
    refers to. Raises BadRequest that names every field that is wrong.
    """
    given, errors = validate_soundest(model, read_json_object(raw, content_type))
    if given is not None:
        errors += elsewhere(_further_errors(kind, given), errors)
    if given is None or errors:
        raise invalid_fields(errors)
    return given


def _further_errors(
    kind: Kind, body: AssetCreation | AssetUpdate | PartialUpdate
) -> Iterator[FieldError]:
    if body.meta is not None and body.meta.name is not None:
        yield from _name_errors(body.meta.name)
    spec = body.spec
    if isinstance(spec, SpecModel):
        yield from structural_errors(spec, "spec")
        if isinstance(spec, kind.spec):
            yield from kind.errors(spec, "spec")


def _name_errors(name: str) -> Iterator[FieldError]:
    if len(name) > _LONGEST_NAME:
        yield FieldError("meta.name", f"must be at most {_LONGEST_NAME} characters long")
    elif not name.isprintable() or name != name.strip():
        yield FieldError("meta.name", "must be printable characters, without spaces at either end")
