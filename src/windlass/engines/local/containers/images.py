"""The images of this machine's container engine: whether one is there, and getting it there."""

import json
import os
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from windlass.engines.engine import (
    ImageState,
    ImageStatus,
    PinnedImage,
    PullPolicy,
    RegistryCredential,
)
from windlass.engines.local.containers.container_engine import (
    ContainerEngine,
    EngineRefuses,
    EngineUnreachable,
)
from windlass.engines.local.containers.pull_failures import PullFailure
from windlass.engines.local.containers.pulls import Pull, Pulls, retry_seconds
from windlass.engines.local.containers.references import Reference

_SLOW_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One image on this machine."""

    id: str
    names: tuple[str, ...]
    size_bytes: int
    created_at: float
    pulled_here: bool
    """Whether this platform pulled it."""
    in_use: bool
    """Whether a container is made of it, running or not."""

    def is_needed(self, needed: Collection[str]) -> bool:
        """Whether its id or one of its names is among those."""
        return self.id in needed or any(name in needed for name in _other_names(self.names))


@dataclass(frozen=True, slots=True)
class _Waiter:
    """A revision, with what it brings for registries."""

    revision_id: str
    credentials: Sequence[RegistryCredential]


class Images:
    """Asks the engine, and has it pull. Safe to use from several threads."""

    def __init__(
        self, engine: ContainerEngine, registry_auth: Path | None, pulled_file: Path
    ) -> None:
        """`pulled_file` remembers which images this platform pulled."""
        self._engine = engine
        self._pulled = _PulledImages(pulled_file)
        self._pulls = Pulls(engine, registry_auth, self._remember)

    def obtain(
        self,
        image: str,
        policy: PullPolicy | None,
        revision_id: str,
        pinned: PinnedImage | None,
        credentials: Sequence[RegistryCredential] = (),
    ) -> ImageStatus:
        """Where the image stands; one that has to be pulled is being pulled when this returns."""
        waiter = _Waiter(revision_id, credentials)
        try:
            if pinned is not None:
                return self._obtain_again(pinned, policy, waiter)
            return self._obtain_first(image, policy or Reference.parse(image).policy, waiter)
        except EngineUnreachable as error:
            return _failed(PullFailure.ENGINE, f"the container engine does not answer: {error}")
        except EngineRefuses as error:
            return _failed(PullFailure.OTHER, f"{image}: {error}")

    def describe(self, image_id: str) -> Mapping[str, Any]:
        """What the engine knows of an image. Raises EngineUnreachable or EngineRefuses."""
        described: Mapping[str, Any] = self._engine.get(
            f"/images/{quote(image_id, safe='/:@')}/json"
        )
        return described

    def stored(self) -> Sequence[StoredImage]:
        """Every image there is, the largest first. Raises EngineUnreachable or EngineRefuses."""
        used = {
            _full_id(str(container.get("ImageID", "")))
            for container in self._engine.get("/containers/json?all=true", _SLOW_SECONDS)
        }
        pulled = self._pulled.ids()
        found = [
            _stored(item, pulled, used) for item in self._engine.get("/images/json", _SLOW_SECONDS)
        ]
        return sorted(found, key=lambda image: (-image.size_bytes, image.id))

    def prune(self, needed: Collection[str]) -> Sequence[StoredImage]:
        """Remove images that this platform pulled and nothing uses; what was removed.

        `needed` are ids and names that workloads still run from or will. Whatever else is on the
        machine is somebody else's. Raises EngineUnreachable or EngineRefuses.
        """
        removed = []
        for image in self.stored():
            if image.in_use or image.is_needed(needed) or not image.pulled_here:
                continue
            try:
                # By each of its names, and without force: the engine itself refuses where a
                # container was made of it in this very moment.
                for name in image.names or (image.id,):
                    self._engine.call("DELETE", f"/images/{quote(name, safe='/:@')}")
            except EngineRefuses as error:
                if error.status != 404:
                    continue
            self._pulled.remove(image.id)
            removed.append(image)
        return removed

    def _obtain_first(self, image: str, policy: PullPolicy, waiter: "_Waiter") -> ImageStatus:
        if policy is not PullPolicy.ALWAYS:
            found = self._find(image)
            if found is not None:
                return _present(
                    found,
                    image,
                    pulled=self._pulls.collect(image, waiter.revision_id, waiter.credentials),
                )
        if policy is PullPolicy.NEVER:
            return _failed(
                PullFailure.NEVER,
                f"{image} is not on this machine, and imagePullPolicy is Never; put it there, or "
                "set imagePullPolicy to IfNotPresent",
            )
        return self._pull(image, waiter)

    def _obtain_again(
        self, pinned: PinnedImage, policy: PullPolicy | None, waiter: "_Waiter"
    ) -> ImageStatus:
        """The very image that the revision runs, even where its name means another by now."""
        if self._find(pinned.id) is not None:
            return ImageStatus(ImageState.PRESENT, pinned)
        if policy is PullPolicy.NEVER or pinned.digest is None:
            why = "imagePullPolicy is Never" if pinned.digest else "it came from no registry"
            return _failed(
                PullFailure.NEVER,
                f"the image {pinned.id} of this revision is no longer on this machine, and {why}; "
                "put it back, or submit the workload anew",
            )
        return self._pull(pinned.digest, waiter)

    def _pull(self, image: str, waiter: "_Waiter") -> ImageStatus:
        pull = self._pulls.join(image, waiter.revision_id, waiter.credentials)
        if pull.running:
            return ImageStatus(
                ImageState.PULLING,
                reason="Pulling",
                message=_pulling(pull),
                progress=pull.progress.fraction,
                attempt=pull.attempts,
            )
        if pull.failure is not None:
            told = f"{pull.failure.message}; tried again {retry_seconds(pull.attempts):g} s later"
            return _failed(pull.failure.kind, told, pull.attempts)
        found = self._find(image)
        if found is None:
            return _failed(PullFailure.OTHER, f"{image} was pulled and is not there")
        return _present(found, image, pulled=True)

    def _find(self, name: str) -> Mapping[str, Any] | None:
        try:
            return self.describe(name)
        except EngineRefuses as error:
            if error.status == 404:
                return None
            raise

    def _remember(self, image: str) -> None:
        try:
            found = self._find(image)
        except (EngineUnreachable, EngineRefuses):
            return
        if found is not None:
            self._pulled.add(_full_id(str(found["Id"])))


class _PulledImages:
    """Which images this platform pulled, in a file; others are never removed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def ids(self) -> set[str]:
        try:
            return set(json.loads(self._file.read_text()))
        except (FileNotFoundError, ValueError):
            return set()

    def add(self, image_id: str) -> None:
        with self._lock:
            self._write(self.ids() | {image_id})

    def remove(self, image_id: str) -> None:
        with self._lock:
            self._write(self.ids() - {image_id})

    def _write(self, ids: set[str]) -> None:
        temporary = self._file.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(sorted(ids)))
        os.replace(temporary, self._file)


def _present(found: Mapping[str, Any], image: str, *, pulled: bool = False) -> ImageStatus:
    pinned = PinnedImage(_full_id(str(found["Id"])), _digest(found, image))
    return ImageStatus(
        ImageState.PRESENT,
        pinned,
        reason="Pulled" if pulled else "",
        message=f"{image} is here as {pinned.digest or pinned.id}.",
        pulled=pulled,
    )


def _digest(found: Mapping[str, Any], image: str) -> str | None:
    """Where the same image can be pulled again: of several digests, the one asked for."""
    reference = Reference.parse(image)
    if reference.digest is not None:
        return reference.pinned(reference.digest)
    known = [str(digest) for digest in found.get("RepoDigests") or []]
    prefixes = ("", "docker.io/", "docker.io/library/")
    names = {prefix + reference.repository for prefix in prefixes}
    own = [digest for digest in known if digest.partition("@")[0] in names]
    return own[0] if own else None


def _pulling(pull: Pull) -> str:
    told = f"pulling {pull.image}"
    if progress := pull.progress.described():
        told += f": {progress}"
    if pull.attempts > 1:
        told += f", attempt {pull.attempts}"
    return told


def _failed(kind: PullFailure, message: str, attempt: int = 0) -> ImageStatus:
    return ImageStatus(ImageState.FAILED, reason=kind.value, message=message, attempt=attempt)


def _names(told: Sequence[object] | None) -> tuple[str, ...]:
    """Docker writes `<none>` where there is no name, up to version 24."""
    return tuple(str(name) for name in told or () if not str(name).startswith("<none>"))


def _other_names(names: Collection[str]) -> set[str]:
    """The names with what people leave out of them, and without."""
    found = set(names)
    for name in names:
        found.add(name.removesuffix(":latest"))
    for prefix in ("docker.io/", "docker.io/library/"):
        found |= {name.removeprefix(prefix) for name in found}
    return found


def _full_id(image_id: str) -> str:
    """Engines write ids with and without the name of their hash."""
    return image_id if not image_id or ":" in image_id else f"sha256:{image_id}"


def _stored(item: Mapping[str, Any], pulled: set[str], used: set[str]) -> StoredImage:
    image_id = _full_id(str(item["Id"]))
    return StoredImage(
        id=image_id,
        names=_names(item.get("RepoTags")) or _names(item.get("RepoDigests")),
        size_bytes=int(item.get("Size") or 0),
        created_at=float(item.get("Created") or 0),
        pulled_here=image_id in pulled,
        in_use=image_id in used or int(item.get("Containers") or 0) > 0,
    )
