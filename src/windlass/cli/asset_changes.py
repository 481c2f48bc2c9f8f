"""What a document would change of the asset that is there, and what it cannot."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from windlass.cli.asset_files import FIXED, BadDocument, Wanted, differences, shown_spec
from windlass.spec.model import without_nulls

_PAIRS = "keyValuePairs"
_SECRETS: Mapping[str, str] = {
    "accessKey": "secretAccessKey",
    "password": "password",
    "dockerRegistry": "password",
    "genericSecret": _PAIRS,
    "ngcApiKey": "ngc_api_key",
}
"""Where each kind of credential has what the platform never shows."""
_CHANGEABLE: Mapping[str, Sequence[str]] = {"pvc": ("path",), "data-volume": ("sharedScopes",)}
"""Of which kinds an update changes only these fields."""
_ELSEWHERE = "existingSecretName"


@dataclass(frozen=True, slots=True)
class Change:
    """What an update is to say."""

    lines: Sequence[str] = ()
    """What would be otherwise, one a line."""
    body: Mapping[str, Any] | None = None
    """None: nothing has to be sent."""
    secret: str | None = None
    """The field of a secret that the document gives, which only the platform can compare."""
    keeps_secret: bool = False
    """Whether there is a secret, of which the document says nothing."""


def change_of(there: Mapping[str, Any], wanted: Wanted) -> Change:
    """What a document would change of an asset. Raises BadDocument for what cannot be changed."""
    _require_as_fixed(there, wanted)
    kept, asked = _kept(there), _asked(wanted)
    field = _SECRETS.get(wanted.kind)
    if field is None or not isinstance(asked["spec"], Mapping):
        lines = list(differences(kept, asked))
        _require_changeable(lines, wanted)
        return _plain(lines, wanted.body)
    gives_secret = _gives_secret(asked["spec"], field)
    kept["spec"], asked["spec"] = _bare(kept["spec"], field), _bare(asked["spec"], field)
    lines = list(differences(kept, asked))
    if gives_secret:
        return Change(lines, wanted.body, f"spec.{field}")
    if _ELSEWHERE in asked["spec"]:
        return _plain(lines, wanted.body)
    if kept["spec"] != asked["spec"]:
        told = "; ".join(differences(kept["spec"], asked["spec"], "spec"))
        raise BadDocument(f"spec: is changed together with its secret alone ({told}): give {field}")
    changed = _plain(lines, {"meta": wanted.body["meta"]})
    return Change(changed.lines, changed.body, keeps_secret=True)


def _plain(lines: Sequence[str], body: Mapping[str, Any]) -> Change:
    return Change(lines, body if lines else None)


def _require_changeable(lines: Sequence[str], wanted: Wanted) -> None:
    fields = _CHANGEABLE.get(wanted.kind)
    allowed = None if fields is None else tuple(f"spec.{field}: " for field in fields)
    for line in lines:
        if allowed is not None and line.startswith("spec.") and not line.startswith(allowed):
            raise BadDocument(f"{line}: cannot be changed of what is there. {_cure(wanted)}")


def _cure(wanted: Wanted) -> str:
    return (
        "Give the document another name, or remove what is there first: windlass delete"
        f" {wanted.name} --kind {wanted.kind}"
    )


def _require_as_fixed(there: Mapping[str, Any], wanted: Wanted) -> None:
    meta = wanted.body["meta"]
    for field in FIXED:
        asked, kept = without_nulls(meta.get(field)), without_nulls(there["meta"].get(field))
        if asked is not None and asked != kept:
            raise BadDocument(
                f"meta.{field}: cannot be changed of what is there, where it is {kept!r}."
                f" {_cure(wanted)}"
            )


def _kept(asset: Mapping[str, Any]) -> dict[str, Any]:
    spec = shown_spec(asset, by="id") or {}
    return _compared(asset["meta"]["description"], spec)


def _asked(wanted: Wanted) -> dict[str, Any]:
    return _compared(wanted.body["meta"].get("description"), wanted.body["spec"] or {})


def _compared(description: Any, spec: Any) -> dict[str, Any]:
    told: dict[str, Any] = {} if description is None else {"description": description}
    return {**told, "spec": without_nulls(spec)}


def _gives_secret(spec: Mapping[str, Any], field: str) -> bool:
    """Raises BadDocument where it gives some of several values."""
    if field != _PAIRS:
        return field in spec
    pairs = list(_pairs(spec))
    lacking = [index for index, pair in enumerate(pairs) if "value" not in pair]
    if lacking and len(lacking) < len(pairs):
        raise BadDocument(
            f"spec.{_PAIRS}[{lacking[0]}].value: is missing; give the values of all keys, or of"
            " none to keep those that are there"
        )
    return bool(pairs) and not lacking


def _bare(spec: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The spec without its secret; of several values their keys, in one order."""
    bare = {name: value for name, value in spec.items() if name != field}
    if field == _PAIRS and _PAIRS in spec:
        bare[_PAIRS] = sorted(str(pair.get("key")) for pair in _pairs(spec))
    return bare


def _pairs(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    pairs = spec.get(_PAIRS)
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, Mapping):
            yield pair
