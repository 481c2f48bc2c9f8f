"""How long texts and lists in the parameters of templates may be.

Version 2.24 publishes these for templates alone; what is the same in the body of an inference has
none of them, so that the shapes that both share cannot say so.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from windlass.kit.errors import FieldError
from windlass.kit.strict_json import join_path

_TERMS = "nodeAffinityRequired.nodeSelectorTerms"
_LONGEST: Mapping[str, int] = {
    "annotations[].value": 10_000,
    "environmentVariables[].configMap.key": 63,
    "environmentVariables[].configMap.name": 253,
    "environmentVariables[].podFieldRef.path": 10_000,
    "imagePullSecrets[].name": 253,
    _TERMS: 1000,
    f"{_TERMS}[].matchExpressions": 1000,
    f"{_TERMS}[].matchExpressions[].key": 63,
    f"{_TERMS}[].matchExpressions[].values[]": 10_000,
    "podAffinity.key": 63,
    "tolerations[].key": 253,
    "tolerations[].name": 253,
    "tolerations[].value": 10_000,
}


def limit_errors(parameters: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    """What is longer than it may be in run parameters as they were given."""
    yield from _too_long(parameters, path, "")


def _too_long(value: Any, path: str, pattern: str) -> Iterator[FieldError]:
    longest = _LONGEST.get(pattern)
    if longest is not None and isinstance(value, str | list) and len(value) > longest:
        unit = "characters long" if isinstance(value, str) else "entries"
        yield FieldError(path, f"must be at most {longest} {unit}, not {len(value)}")
    elif isinstance(value, Mapping):
        for key, member in value.items():
            yield from _too_long(member, join_path(path, key), join_path(pattern, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _too_long(entry, join_path(path, index), f"{pattern}[]")
