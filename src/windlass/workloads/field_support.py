"""What an engine does with each field of a body: honours it, refuses it, or only shows it.

The facts are in one data file per kind of body. Nothing is stored and ignored: a field that an
engine cannot honour is refused where it stands, unless its value says what holds anyway.
"""

import importlib.resources
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import yaml

from windlass.kit.errors import FieldError
from windlass.kit.strict_json import join_path


class EngineKind(StrEnum):
    """Where replicas can run, as far as fields are concerned."""

    PROCESS = "process"
    CONTAINER = "container"
    SIMULATED = "simulated"
    KUBERNETES = "kubernetes"


HOST_IMAGES = "host/"
"""What names of images begin with that run as processes of this machine."""


def engine_kind(image: object) -> EngineKind:
    """Where this machine runs an image; where none is named, nothing is known but the least."""
    is_ordinary = isinstance(image, str) and not image.startswith(HOST_IMAGES)
    return EngineKind.CONTAINER if is_ordinary else EngineKind.PROCESS


class Treatment(StrEnum):
    """What becomes of a field."""

    HONOURED = "honoured"
    REFUSED = "refused"
    NOT_YET = "not yet"
    INFORMATIONAL = "informational"


@dataclass(frozen=True, slots=True)
class Support:
    """What one engine does with one field."""

    treatment: Treatment
    text: str
    """The test that shows it, the reason, the subject it waits for, or what it is shown for."""
    unless: Mapping[str, "Support"] = field(default_factory=dict)
    """Single values that are treated otherwise."""
    only: str | None = None
    """A condition, in words, that a rule of its own checks."""

    def of_value(self, value: object) -> "Support":
        """What is done with this value."""
        return self.unless.get(value, self) if isinstance(value, str) else self

    @property
    def refusal(self) -> str | None:
        """The reason to give the caller, or None where the field is taken."""
        if self.treatment is Treatment.REFUSED:
            return self.text
        if self.treatment is Treatment.NOT_YET:
            return not_yet(self.text)
        return None


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """One leaf path, such as `spec.environmentVariables[].name`."""

    path: str
    neutral: object
    """The value, beside null, that asks for nothing."""
    support: Mapping[EngineKind, Support]


@dataclass(frozen=True, slots=True)
class FieldTable:
    """The leaf paths of one kind of body."""

    title: str
    fields: Mapping[str, FieldFacts]

    def refusals(
        self, body: Mapping[str, Any], engine: EngineKind, without_effect: Collection[str] = ()
    ) -> list[FieldError]:
        """Why this engine cannot honour the body; empty when it can.

        Paths in `without_effect` are given and yet ask for nothing. Unknown fields are passed over.
        """
        return list(self._refusals(body, engine, without_effect))

    def _refusals(
        self, body: Mapping[str, Any], engine: EngineKind, without_effect: Collection[str]
    ) -> Iterator[FieldError]:
        for path, pattern, value in _leaves(body, "", ""):
            facts = self.fields.get(pattern)
            if facts is None or path in without_effect or _asks_nothing(value, facts):
                continue
            if reason := facts.support[engine].of_value(value).refusal:
                yield FieldError(path, reason)


def not_yet(subject: str) -> str:
    """The reason given where a later part of the platform will honour a field."""
    return f"is not supported yet: it comes with {subject}"


def load_field_table(package: str, file_name: str) -> FieldTable:
    """Read the data file of one kind of body, which is part of `package`."""
    text = importlib.resources.files(package).joinpath(file_name).read_text("utf-8")
    data = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    common = {EngineKind(name): _support(entry) for name, entry in data["everywhere"].items()}
    return FieldTable(
        data["title"],
        {path: _facts(path, entry, common) for path, entry in data["fields"].items()},
    )


def _facts(path: str, entry: Mapping[str, Any], common: Mapping[EngineKind, Support]) -> FieldFacts:
    own = {kind: _support(entry[kind]) for kind in EngineKind if kind in entry}
    # Most of what a process honours or cannot, a container does for the same reasons.
    as_process = {EngineKind.CONTAINER: own[EngineKind.PROCESS]}
    return FieldFacts(path, entry.get("neutral"), {**common, **as_process, **own})


def _support(entry: Mapping[str, Any]) -> Support:
    treatment = next(kind for kind in Treatment if kind in entry)
    unless = {value: _support(other) for value, other in entry.get("unless", {}).items()}
    return Support(treatment, entry[treatment], unless, entry.get("only"))


def _asks_nothing(value: object, facts: FieldFacts) -> bool:
    return value is None or (facts.neutral is not None and value == facts.neutral)


def _leaves(value: object, path: str, pattern: str) -> Iterator[tuple[str, str, object]]:
    """Every single value with its path, and the path with its places in lists left out."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from _leaves(member, join_path(path, key), join_path(pattern, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _leaves(member, join_path(path, index), f"{pattern}[]")
    else:
        yield path, pattern, value
