"""Specs laid over each other: what is given nearer to the user wins, value by value.

Objects are combined member by member, and lists whose entries have something to be told apart by,
such as the names of environment variables, entry by entry; `exclude: true` takes out an entry that
comes from a layer below, and asks for nothing where there is none. Other lists and all single
values are taken whole from the first layer that gives them. Source: the precedence that the vendor
documents for templates, request over template over asset.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from windlass.spec.model import Item, SpecModel, without_nulls

_GPU_AMOUNTS = (
    "gpuRequestType",
    "gpuPortionRequest",
    "gpuPortionLimit",
    "gpuMemoryRequest",
    "gpuMemoryLimit",
    "migProfile",
)


@dataclass(frozen=True, slots=True)
class Layer:
    """A spec, or a part of one, as it is on the wire."""

    origin: str
    """Where its values come from, such as `request`."""
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Combined:
    """What the layers make together."""

    spec: dict[str, Any]
    origins: dict[str, str] = field(default_factory=dict)
    """The origin of each single value, by its path below the spec, such as `ports[0].container`."""


def combine(model: type[SpecModel], layers: Sequence[Layer]) -> Combined:
    """The layers as one spec of that model, the first of them on top. Nulls count as absent."""
    merged: _Value = {}
    # From the bottom, so that what one layer takes out stays out for those above it.
    for layer in reversed(layers):
        marked = _marked(without_nulls(layer.spec), layer.origin)
        merged = _merged(model, marked, merged)
    spec: dict[str, Any] = _plain(merged)
    return Combined(spec, dict(_origins(merged, "")))


def vain_exclusions(model: type[SpecModel], layers: Sequence[Layer]) -> Iterator[str]:
    """Where the first of these layers takes out what none of the others has."""
    asked, *below = (layer.spec for layer in layers)
    yield from _vain(model, asked, below, "")


def _vain(
    model: type[SpecModel] | None, asked: Mapping[str, Any], below: Sequence[Any], path: str
) -> Iterator[str]:
    for key, value in asked.items():
        inner, place = _model_of(model, key), f"{path}.{key}" if path else key
        others = [part[key] for part in below if isinstance(part, Mapping) and key in part]
        if isinstance(value, Mapping):
            yield from _vain(inner, value, others, place)
        elif isinstance(value, list) and (name := _identity(inner)) and not _is_of_image(inner):
            known = {
                entry.get(name)
                for part in others
                if isinstance(part, list)
                for entry in part
                if isinstance(entry, Mapping)
            }
            for index, entry in enumerate(value):
                excluded = isinstance(entry, Mapping) and entry.get("exclude") is True
                if excluded and entry.get(name) not in {None, *known}:
                    yield f"{place}[{index}]"


@dataclass(frozen=True, slots=True)
class _Leaf:
    value: Any
    origin: str


_Value = dict[str, Any] | list[Any] | _Leaf


def _marked(value: Any, origin: str) -> _Value:
    if isinstance(value, Mapping):
        return {key: _marked(member, origin) for key, member in value.items()}
    if isinstance(value, list):
        return [_marked(entry, origin) for entry in value]
    return _Leaf(value, origin)


def _merged(model: type[SpecModel] | None, upper: _Value, lower: _Value) -> _Value:
    if not isinstance(upper, dict) or not isinstance(lower, dict):
        return upper
    if "gpuRequestType" in upper:
        # Another way to say how much of each GPU: what the layer below says in its own is void.
        lower = {key: member for key, member in lower.items() if key not in _GPU_AMOUNTS}
    merged = {**lower, **upper}
    for key in upper:
        inner, below = _model_of(model, key), lower.get(key)
        if isinstance(upper[key], list):
            merged[key] = _merged_lists(inner, upper[key], below if isinstance(below, list) else [])
        elif isinstance(upper[key], dict):
            merged[key] = _merged(inner, upper[key], below if isinstance(below, dict) else {})
    return merged


def _merged_lists(model: type[SpecModel] | None, upper: list[Any], lower: list[Any]) -> list[Any]:
    field_name = _identity(model)
    if field_name is None:
        return upper
    above = {_key(entry, field_name): entry for entry in upper}
    above.pop(None, None)
    result, replaced, of_image = [], set(), _is_of_image(model)
    for entry in lower:
        key = _key(entry, field_name)
        if key not in above:
            result.append(entry)
            continue
        replaced.add(key)
        # What a layer below takes out in vain may still have to be taken out of an image.
        if not _is_excluded(above[key]) or (of_image and _is_excluded(entry)):
            result.append(above[key])
    added = (entry for entry in upper if _key(entry, field_name) not in replaced)
    return [*result, *(entry for entry in added if of_image or not _is_excluded(entry))]


def _is_of_image(model: type[SpecModel] | None) -> bool:
    return model is not None and issubclass(model, Item) and model.excludes_of_image


def _identity(model: type[SpecModel] | None) -> str | None:
    """The field on the wire by which entries of a list differ."""
    if model is None or not issubclass(model, Item) or model.identified_by is None:
        return None
    alias = model.model_fields[model.identified_by].alias
    return alias or model.identified_by


def _key(entry: Any, field_name: str) -> Any:
    value = entry.get(field_name) if isinstance(entry, dict) else None
    return value.value if isinstance(value, _Leaf) else None


def _is_excluded(entry: Any) -> bool:
    value = entry.get("exclude") if isinstance(entry, dict) else None
    return isinstance(value, _Leaf) and value.value is True


def _model_of(model: type[SpecModel] | None, alias: str) -> type[SpecModel] | None:
    if model is None:
        return None
    for name, info in model.model_fields.items():
        if alias == (info.alias or name):
            return _found_model(info.annotation)
    return None


def _found_model(annotation: Any) -> type[SpecModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, SpecModel):
        return annotation
    for part in get_args(annotation):
        found = _found_model(part)
        if found is not None:
            return found
    return None


def _plain(value: _Value) -> Any:
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value.value


def _origins(value: _Value, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _origins(member, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _origins(entry, f"{path}[{index}]")
    else:
        yield path, value.origin
