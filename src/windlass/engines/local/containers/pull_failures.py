"""Why an image cannot be pulled, told apart by what engines and registries say."""

from dataclasses import dataclass
from enum import StrEnum

from windlass.engines.local.containers.references import Reference


class PullFailure(StrEnum):
    """The kinds of failure that differ in what helps."""

    NOT_FOUND = "ImageNotFound"
    UNAUTHORISED = "RegistryUnauthorized"
    UNREACHABLE = "RegistryUnreachable"
    DISK_FULL = "DiskFull"
    NEVER = "ErrImageNeverPull"
    ENGINE = "ContainerEngineLost"
    OTHER = "ErrImagePull"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One failure, with what would help."""

    kind: PullFailure
    message: str


# In this order: a message may have words of several.
_SIGNS: tuple[tuple[PullFailure, tuple[str, ...]], ...] = (
    (PullFailure.DISK_FULL, ("no space left on device", "disk quota exceeded")),
    (
        PullFailure.UNREACHABLE,
        (
            "connection refused",
            "no such host",
            "i/o timeout",
            "no route to host",
            "network is unreachable",
            "tls handshake",
            "x509",
            "server gave http response to https client",
            "http: server gave http response",
            "context deadline exceeded",
            "client.timeout exceeded",
            "server misbehaving",
            "connection reset",
            "temporary failure in name resolution",
        ),
    ),
    (
        PullFailure.UNAUTHORISED,
        (
            "unauthorized",
            "authentication required",
            "invalid username/password",
            "no basic auth credentials",
            "access to the resource is denied",
            "access to the requested resource is not authorized",
            "access denied",
            "forbidden",
        ),
    ),
    (
        PullFailure.NOT_FOUND,
        (
            "manifest unknown",
            "name unknown",
            "not found",
            "repository does not exist",
            "no such image",
            "name invalid",
        ),
    ),
)


def explain(image: str, error: str) -> Explanation:
    """The kind of an engine's or registry's error, and a sentence for who reads it."""
    text = " ".join(error.split())
    kind = _kind(text.lower())
    registry = Reference.parse(image).registry
    what = {
        PullFailure.NOT_FOUND: (
            f"the registry {registry} has no image {image}; correct its name, or, where it was "
            "built on this machine, set imagePullPolicy to IfNotPresent"
        ),
        PullFailure.UNAUTHORISED: (
            f"the registry {registry} does not let {image} be pulled; check its name, and have the "
            "operator give credentials with `windlass up --registry-auth FILE`"
        ),
        PullFailure.UNREACHABLE: (
            f"{image} cannot be pulled, because the registry {registry} does not answer"
        ),
        PullFailure.DISK_FULL: (
            f"{image} cannot be pulled, because the disk of the container engine is full; "
            "`windlass images prune` removes images that nothing uses"
        ),
    }.get(kind, f"the container engine could not pull {image}")
    return Explanation(kind, f"{what} ({text})")


def _kind(text: str) -> PullFailure:
    for kind, signs in _SIGNS:
        if any(sign in text for sign in signs):
            return kind
    return PullFailure.OTHER
