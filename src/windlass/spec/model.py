"""What all parts of a spec have in common.

Unknown fields are ignored and `null` counts as absent, in lists of objects too. No value is turned
into another type. A model keeps what the caller wrote, so that it can be shown again as submitted.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from windlass.kit.errors import FieldError
from windlass.kit.strict_json import join_path


class SpecModel(BaseModel):
    """An object of a spec; attributes are snake case, fields on the wire camel case."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        protected_namespaces=(),
        use_attribute_docstrings=True,
    )

    mandatory: ClassVar[tuple[str, ...]] = ()
    """Attributes that must be given wherever the object is, though the published schema lets them
    be null."""

    def submitted(self) -> dict[str, Any]:
        """The fields as the caller wrote them, without those that were null."""
        fields: dict[str, Any] = without_nulls(self.as_given())
        return fields

    def as_given(self) -> dict[str, Any]:
        """The fields as the caller wrote them, nulls included, so that places in lists agree."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class Item(SpecModel):
    """An entry of a list; `exclude` takes one out that came from elsewhere."""

    identified_by: ClassVar[str | None] = None
    """The attribute by which entries of one list differ."""
    excludes_of_image: ClassVar[bool] = False
    """Whether an excluded entry may be one of the image, too, and not of a spec alone."""
    exclude: bool | None = None


Entry = TypeVar("Entry", bound=SpecModel)


def given(entries: Sequence[Entry | None] | None) -> Iterator[tuple[int, Entry]]:
    """The entries that are not null, each with its place in the list as the caller wrote it."""
    for index, entry in enumerate(entries or ()):
        if entry is not None:
            yield index, entry


def without_nulls(value: Any) -> Any:
    """The same JSON value without null members and entries, at any depth."""
    if isinstance(value, Mapping):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(entry) for entry in value if entry is not None]
    return value


def structural_errors(model: SpecModel, path: str) -> Iterator[FieldError]:
    """Mandatory fields that are missing and list entries given twice, in the whole tree."""
    yield from _missing(model, path)
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        member_path = join_path(path, info.alias or name)
        if isinstance(value, SpecModel):
            yield from structural_errors(value, member_path)
        elif isinstance(value, list):
            yield from _entry_errors(value, member_path)


def _missing(model: SpecModel, path: str) -> Iterator[FieldError]:
    names = model.mandatory
    if isinstance(model, Item) and model.exclude:
        names = (model.identified_by,) if model.identified_by else ()
    for name in names:
        if getattr(model, name) is None:
            yield FieldError(join_path(path, to_camel(name)), "is required")


def _entry_errors(entries: list[Any], path: str) -> Iterator[FieldError]:
    first: dict[object, int] = {}
    for index, entry in enumerate(entries):
        if not isinstance(entry, SpecModel):
            continue
        entry_path = join_path(path, index)
        yield from structural_errors(entry, entry_path)
        if not isinstance(entry, Item) or entry.identified_by is None:
            continue
        value = getattr(entry, entry.identified_by)
        if value is not None and first.setdefault(value, index) != index:
            field = to_camel(entry.identified_by)
            yield FieldError(
                join_path(entry_path, field),
                f"is given twice; entry {first[value]} has the same {field}",
            )
