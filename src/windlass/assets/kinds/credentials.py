"""Credentials: secrets under a name. Their values are kept sealed and never shown.

One that names an existing secret of a Kubernetes cluster has no values of its own. Beyond what is
published, an update may give new values.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import ConfigDict, Field, create_model
from sqlalchemy import Connection, Row

from windlass.assets.kind import Kind, WhileUsed
from windlass.identity.roles import ResourceType
from windlass.kit.errors import FieldError
from windlass.spec.model import SpecModel, given
from windlass.spec.scalars import Int32, NonEmpty, matching

ACCESS_KEY = "accessKey"
PASSWORD = "password"
DOCKER_REGISTRY = "dockerRegistry"
GENERIC_SECRET = "genericSecret"
NGC_API_KEY = "ngcApiKey"
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_LIST = "/api/v1/asset/credentials"


class AccessKey(SpecModel):
    """A key for object storage."""

    existing_secret_name: NonEmpty | None = None
    """A secret of the Kubernetes cluster that has the values."""
    access_key_id: NonEmpty | None = None
    """Which key it is."""
    secret_access_key: NonEmpty | None = None
    """The key itself, which is never shown."""


class Password(SpecModel):
    """A user's name and password, as for a repository."""

    existing_secret_name: NonEmpty | None = None
    """A secret of the Kubernetes cluster that has the values."""
    user: NonEmpty | None = None
    """Whose password it is."""
    password: NonEmpty | None = None
    """It is never shown."""


class DockerRegistry(SpecModel):
    """What images are pulled with from a registry."""

    existing_secret_name: NonEmpty | None = None
    """A secret of the Kubernetes cluster that has the values."""
    url: NonEmpty | None = None
    """Of the registry, such as `https://registry.example.org`."""
    user: NonEmpty | None = None
    """Whose password it is."""
    password: NonEmpty | None = None
    """It is never shown."""


class KeyValuePair(SpecModel):
    """One value of a generic secret."""

    key: NonEmpty | None = None
    value: str | None = None


class GenericSecret(SpecModel):
    """Values of any kind under keys."""

    existing_secret_name: NonEmpty | None = None
    """A secret of the Kubernetes cluster that has the values."""
    key_value_pairs: list[KeyValuePair | None] | None = None
    """The values, which are never shown, under their keys."""


class NgcApiKey(SpecModel):
    """A key for NVIDIA's catalogue."""

    ngc_api_key: (
        Annotated[
            str,
            Field(min_length=1),
            matching(r"[-._A-Za-z0-9]+", "must have only letters, digits, '-', '_' and '.'"),
        ]
        | None
    ) = Field(default=None, alias="ngc_api_key")
    """The key, which is never shown."""


def values_of(kind: str, spec: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
    """All values of a credential by their keys, from what is shown of it and what is sealed."""
    if kind == GENERIC_SECRET:
        return dict(secrets)
    shown = {name: value for name, value in spec.items() if name != "existingSecretName"}
    return {**shown, **secrets}


def _values_errors(names: Sequence[str]) -> Any:
    def errors(spec: SpecModel, path: str) -> Iterator[FieldError]:
        fields = spec.submitted()
        if "existingSecretName" in fields:
            for name in names:
                if name in fields:
                    problem = "must not be given together with existingSecretName"
                    yield FieldError(f"{path}.{name}", problem)
            return
        for name in names:
            if name not in fields:
                yield FieldError(f"{path}.{name}", "is required, or existingSecretName")

    return errors


def _generic_errors(spec: GenericSecret, path: str) -> Iterator[FieldError]:
    yield from _values_errors(["keyValuePairs"])(spec, path)
    keys: dict[str, int] = {}
    pairs = list(given(spec.key_value_pairs))
    if spec.key_value_pairs is not None and not pairs:
        yield FieldError(f"{path}.keyValuePairs", "must not be empty")
    for index, pair in pairs:
        entry = f"{path}.keyValuePairs[{index}]"
        if pair.key is None:
            yield FieldError(f"{entry}.key", "is required")
        elif not _KEY.fullmatch(pair.key):
            yield FieldError(f"{entry}.key", "must be letters, digits, '-', '_' and '.'")
        elif keys.setdefault(pair.key, index) != index:
            yield FieldError(f"{entry}.key", f"is given twice; entry {keys[pair.key]} has it, too")
        if pair.value is None:
            yield FieldError(f"{entry}.value", "is required")


def _ngc_errors(spec: NgcApiKey, path: str) -> Iterator[FieldError]:
    if spec.ngc_api_key is None:
        yield FieldError(f"{path}.ngc_api_key", "is required")


def _concealing(name: str) -> Any:
    def conceal(spec: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        shown = dict(spec)
        secret = shown.pop(name, None)
        return shown, {} if secret is None else {name: secret}

    return conceal


def _conceal_pairs(spec: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    pairs = spec.get("keyValuePairs")
    if pairs is None:
        return spec, {}
    shown = {**spec, "keyValuePairs": [{"key": pair["key"]} for pair in pairs]}
    return shown, {pair["key"]: pair["value"] for pair in pairs}


def _shown(_connection: Connection, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    return [{**row.spec, "keyId": row.sealing_key_id or 0} for row in rows]


class ShownPair(SpecModel):
    """A value of a generic secret, which is not told."""

    key: NonEmpty


class _Shown(SpecModel):
    """What others are made from, whose classes have no source to look into."""

    model_config = ConfigDict(use_attribute_docstrings=False)


def _shown_model(spec: type[SpecModel], *secret: str) -> type[SpecModel]:
    """What is shown of a credential: without its secret fields, and with its key's number."""
    fields: dict[str, Any] = {
        name: (field.annotation, field)
        for name, field in spec.model_fields.items()
        if name not in secret
    }
    if "key_value_pairs" in fields:
        shown = Field(default=None, description="The keys of its values.")
        fields["key_value_pairs"] = (list[ShownPair] | None, shown)
    fields["key_id"] = (Int32, Field(description="Which key the values are sealed with."))
    return create_model(f"{spec.__name__}Shown", __base__=_Shown, __doc__=spec.__doc__, **fields)


def _credential(
    name: str,
    words: str,
    path: str,
    spec: type[SpecModel],
    errors: Any,
    conceal: Any,
    secret: str = "",
) -> Kind:
    return Kind(
        name=name,
        words=words,
        path=f"{_LIST}/{path}",
        tag="Credentials",
        resource=ResourceType.CREDENTIALS,
        spec=spec,
        errors=errors,
        conceal=conceal,
        shown=_shown,
        answer=_shown_model(spec, secret),
        while_used=WhileUsed.PRECONDITION_FAILED,
        is_read_by_workloads=True,
        has_status=True,
        updates_in_part=True,
        family=_LIST,
        deletion_status=204 if name in (GENERIC_SECRET, NGC_API_KEY) else 202,
    )


CREDENTIALS = (
    _credential(
        ACCESS_KEY,
        "access key",
        "access-key",
        AccessKey,
        _values_errors(["accessKeyId", "secretAccessKey"]),
        _concealing("secretAccessKey"),
        "secret_access_key",
    ),
    _credential(
        PASSWORD,
        "password",
        "password",
        Password,
        _values_errors(["user", "password"]),
        _concealing("password"),
        "password",
    ),
    _credential(
        DOCKER_REGISTRY,
        "registry credential",
        "docker-registry",
        DockerRegistry,
        _values_errors(["url", "user", "password"]),
        _concealing("password"),
        "password",
    ),
    _credential(
        GENERIC_SECRET,
        "generic secret",
        "generic-secret",
        GenericSecret,
        _generic_errors,
        _conceal_pairs,
    ),
    _credential(
        NGC_API_KEY,
        "NGC API key",
        "ngc-api-key",
        NgcApiKey,
        _ngc_errors,
        _concealing("ngc_api_key"),
        "ngc_api_key",
    ),
)
