"""Environment variables."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from pydantic.alias_generators import to_camel

from windlass.engines import engine
from windlass.kit.errors import FieldError
from windlass.spec.model import Item, SpecModel, given
from windlass.spec.scalars import NonEmpty, ResourceName

SERVING_PORT_VARIABLE = "PORT"
"""Carries the port that a replica must listen on; nobody else may set it."""


class SecretKey(SpecModel):
    """A key of a Kubernetes secret."""

    mandatory: ClassVar = ("name", "key")
    name: ResourceName | None = None
    key: NonEmpty | None = None


class ConfigMapKey(SpecModel):
    """A key of a Kubernetes config map."""

    mandatory: ClassVar = ("name", "key")
    name: ResourceName | None = None
    key: NonEmpty | None = None


class UserCredentialKey(SpecModel):
    """A key of a credential that belongs to the user."""

    mandatory: ClassVar = ("name", "key")
    name: NonEmpty | None = None
    key: NonEmpty | None = None


class PodFieldReference(SpecModel):
    """A field of the pod, such as `status.podIP`."""

    mandatory: ClassVar = ("path",)
    path: NonEmpty | None = None


class EnvironmentVariable(Item):
    """One variable, from exactly one source."""

    mandatory: ClassVar = ("name",)
    identified_by: ClassVar = "name"
    excludes_of_image: ClassVar = True
    name: NonEmpty | None = None
    value: str | None = None
    secret: SecretKey | None = None
    config_map: ConfigMapKey | None = None
    user_credential: UserCredentialKey | None = None
    pod_field_ref: PodFieldReference | None = None
    description: str | None = None


def environment_errors(
    variables: list[EnvironmentVariable | None] | None, path: str
) -> Iterator[FieldError]:
    """Names that no process can have, and variables without exactly one source."""
    yield from variable_errors(variables, path, _SOURCES)


def variable_errors(
    variables: Sequence[Any] | None, path: str, sources: Sequence[str]
) -> Iterator[FieldError]:
    """The same where a value comes from one of `sources`, which are attributes."""
    for index, variable in given(variables):
        entry = f"{path}[{index}]"
        if variable.name is not None:
            yield from _name_errors(variable.name, f"{entry}.name")
        yield from _source_errors(variable, entry, sources)


def environment_of(
    variables: list[EnvironmentVariable | None] | None,
) -> tuple[engine.EnvironmentVariable, ...]:
    """The variables in the engine's words. Fields of pods are no engine's of this machine."""
    return tuple(
        engine.EnvironmentVariable(
            variable.name or "",
            variable.value or "",
            exclude=bool(variable.exclude),
            value_from=source,
            path=f"spec.environmentVariables[{index}].{source.kind}" if source else "",
        )
        for index, variable in given(variables)
        for source in [_source_of(variable)]
        if variable.exclude or variable.value is not None or source is not None
    )


def _source_of(variable: EnvironmentVariable) -> engine.ValueSource | None:
    for kind, key in (
        (engine.ValueKind.SECRET, variable.secret),
        (engine.ValueKind.CONFIG_MAP, variable.config_map),
        (engine.ValueKind.USER_CREDENTIAL, variable.user_credential),
    ):
        if key is not None and key.name is not None and key.key is not None:
            return engine.ValueSource(kind, key.name, key.key)
    return None


_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
"""As Kubernetes has it; in particular without `=`, which ends a name."""
_SOURCES = ("value", "secret", "config_map", "user_credential", "pod_field_ref")


def _name_errors(name: str, path: str) -> Iterator[FieldError]:
    if not _NAME.fullmatch(name):
        yield FieldError(
            path, "must be letters, digits, '_', '-' and '.', and must not start with a digit"
        )
    if name == SERVING_PORT_VARIABLE:
        yield FieldError(
            path, "must not be PORT: it carries the port that the replica has to listen on"
        )


def _source_errors(variable: Any, path: str, names: Sequence[str]) -> Iterator[FieldError]:
    sources = [to_camel(name) for name in names if getattr(variable, name) is not None]
    if variable.exclude:
        if sources:
            yield FieldError(
                f"{path}.{sources[0]}", "must not be given together with exclude: true"
            )
    elif not sources:
        known = ", ".join(to_camel(name) for name in names)
        yield FieldError(f"{path}.value", f"is required, or one of {known}")
    elif len(sources) > 1:
        yield FieldError(
            f"{path}.{sources[1]}",
            f"must not be given together with {sources[0]}: a variable has exactly one source",
        )
