"""What a replica runs: image, command, and the probe that tells when it is ready."""

import shlex
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal

from windlass.engines import engine
from windlass.kit.errors import FieldError
from windlass.spec.model import Item, SpecModel, given
from windlass.spec.scalars import (
    Hostname,
    Port,
    PositiveInt32,
    ResourceName,
    UnsignedInt32,
    matching,
)

ImagePullPolicy = Literal["Always", "Never", "IfNotPresent"]
ProbePath = Annotated[
    str,
    matching(
        r"(/[a-zA-Z0-9\-_./]*)?",
        "must start with / and have only letters, digits, '-', '_', '.' and '/'",
    ),
]


class HttpGet(SpecModel):
    """A request that a ready replica answers with a status from 200 to 399."""

    path: ProbePath | None = None
    port: Port | None = None
    host: Hostname | None = None
    scheme: Literal["HTTP", "HTTPS"] | None = None


class ProbeHandler(SpecModel):
    """How the probe is made."""

    http_get: HttpGet | None = None


class Probe(SpecModel):
    """When and how often a probe is made. Without a handler, listening is enough."""

    initial_delay_seconds: UnsignedInt32 | None = None
    period_seconds: PositiveInt32 | None = None
    timeout_seconds: PositiveInt32 | None = None
    success_threshold: PositiveInt32 | None = None
    failure_threshold: PositiveInt32 | None = None
    handler: ProbeHandler | None = None


class Probes(SpecModel):
    """The probes of a replica."""

    readiness: Probe | None = None


class ImagePullSecret(Item):
    """A Kubernetes secret with which the image is pulled."""

    mandatory: ClassVar = ("name",)
    identified_by: ClassVar = "name"
    name: ResourceName | None = None
    user_credential: bool | None = None


class UnreadableCommand(ValueError):
    """A command line that cannot be split into words; the message says why."""


def split_words(line: str) -> tuple[str, ...]:
    """A command line as words, by the quoting rules of the POSIX shell; nothing is expanded.

    Raises UnreadableCommand.
    """
    try:
        return tuple(shlex.split(line, comments=False, posix=True))
    except ValueError:
        raise UnreadableCommand(
            "cannot be split into words: a quote is not closed, or it ends with a backslash"
        ) from None


def image_errors(image: str | None, path: str) -> Iterator[FieldError]:
    """An image that is missing, or whose name no image can have."""
    if image is None:
        yield FieldError(path, "is required")
    elif not image.isprintable() or " " in image:
        yield FieldError(path, "must not contain spaces or control characters")
    elif len(image) > _LONGEST_IMAGE_NAME:
        yield FieldError(path, f"must be at most {_LONGEST_IMAGE_NAME} characters long")


def command_errors(command: str | None, args: str | None, path: str) -> Iterator[FieldError]:
    """Lines that cannot be split, or have nothing to execute in them."""
    for field, line in (("command", command), ("args", args)):
        if line is None:
            continue
        try:
            words = split_words(line)
        except UnreadableCommand as error:
            yield FieldError(f"{path}.{field}", str(error))
            continue
        if not words or (field == "command" and not words[0]):
            yield FieldError(f"{path}.{field}", "has no words in it; leave it out instead")


def words_of(line: str | None) -> tuple[str, ...] | None:
    """A checked command line as words, or None where there is none."""
    return None if line is None else split_words(line)


def probe_of(probes: Probes | None, container_port: int) -> engine.Probe | None:
    """The readiness probe in the engine's words, with the defaults of Kubernetes.

    A probe of `container_port` becomes one of the replica's own port.
    """
    if probes is None or probes.readiness is None:
        return None
    probe = probes.readiness
    defaults = engine.Probe()
    return engine.Probe(
        http_get=_http_get_of(probe.handler, container_port),
        initial_delay_seconds=probe.initial_delay_seconds or defaults.initial_delay_seconds,
        period_seconds=probe.period_seconds or defaults.period_seconds,
        timeout_seconds=probe.timeout_seconds or defaults.timeout_seconds,
        success_threshold=probe.success_threshold or defaults.success_threshold,
        failure_threshold=probe.failure_threshold or defaults.failure_threshold,
    )


def pull_secrets_of(
    secrets: Sequence[ImagePullSecret | None] | None,
) -> tuple[engine.PullSecret, ...]:
    """What the image is pulled with, in the engine's words."""
    return tuple(
        engine.PullSecret(secret.name or "", bool(secret.user_credential))
        for _, secret in given(secrets)
    )


def pull_policy_of(policy: ImagePullPolicy | None) -> engine.PullPolicy | None:
    """When the image is pulled, in the engine's words."""
    return None if policy is None else engine.PullPolicy(policy)


_LONGEST_IMAGE_NAME = 4096


def _http_get_of(handler: ProbeHandler | None, container_port: int) -> engine.HttpGet | None:
    if handler is None or handler.http_get is None:
        return None
    http_get = handler.http_get
    return engine.HttpGet(
        path=http_get.path or "/",
        port=None if http_get.port == container_port else http_get.port,
        scheme=http_get.scheme or "HTTP",
    )
