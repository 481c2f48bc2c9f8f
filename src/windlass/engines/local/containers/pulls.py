"""Pulls images in the background: one pull for all who wait for an image."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from windlass.engines.engine import RegistryCredential
from windlass.engines.local.containers.container_engine import (
    ContainerEngine,
    EngineRefuses,
    EngineUnreachable,
)
from windlass.engines.local.containers.pull_failures import Explanation, PullFailure, explain
from windlass.engines.local.containers.references import Reference
from windlass.engines.local.containers.registry_auth import (
    CredentialsInvalid,
    credentials_for,
    given_credentials,
)

_FIRST_RETRY_SECONDS = 2.0
_LONGEST_RETRY_SECONDS = 60.0
_MEGABYTE = 1_000_000
_DONE = ("Pull complete", "Already exists", "Download complete", "Layer already exists")
_LAYER_STATES = ("Pulling fs layer", "Downloading", "Waiting", "Extracting", "Verifying", *_DONE)


@dataclass
class Progress:
    """How far a pull is. Bytes are of layers whose size is known by now."""

    done_bytes: dict[str, int] = field(default_factory=dict)
    total_bytes: dict[str, int] = field(default_factory=dict)
    done_layers: set[str] = field(default_factory=set)
    layers: set[str] = field(default_factory=set)

    def take(self, line: Mapping[str, Any]) -> None:
        """One line of the engine's answer."""
        layer, status = str(line.get("id") or ""), str(line.get("status") or "")
        if not layer or not status.startswith(_LAYER_STATES):
            return
        self.layers.add(layer)
        detail = line.get("progressDetail") or {}
        if status.startswith("Downloading") and detail.get("total"):
            self.total_bytes[layer] = int(detail["total"])
            self.done_bytes[layer] = int(detail.get("current") or 0)
        if status.startswith(_DONE):
            self.done_layers.add(layer)
            self.done_bytes[layer] = self.total_bytes.get(layer, 0)

    @property
    def fraction(self) -> float | None:
        """From 0 to 1; None while no size is known."""
        total = sum(self.total_bytes.values())
        return min(1.0, sum(self.done_bytes.values()) / total) if total else None

    def described(self) -> str:
        """In a few words; empty while nothing is known."""
        parts = []
        if self.layers:
            parts.append(f"{len(self.done_layers)} of {len(self.layers)} layers")
        if (fraction := self.fraction) is not None:
            done, total = sum(self.done_bytes.values()), sum(self.total_bytes.values())
            parts.append(f"{_megabytes(done)} of {_megabytes(total)} MB ({fraction:.0%})")
        return ", ".join(parts)


_Key = tuple[str, tuple[RegistryCredential, ...]]
"""Whoever brings other credentials has a pull of their own: what they may see is not the same."""


@dataclass
class Pull:
    """One image being pulled, or having been."""

    image: str
    credentials: Sequence[RegistryCredential]
    """What those who wait bring with them; they go before the platform's own."""
    waiting: set[str]
    """Whoever has not yet been told that it is there."""
    began: float
    progress: Progress = field(default_factory=Progress)
    attempts: int = 1
    running: bool = True
    failure: Explanation | None = None
    retry_at: float = 0.0

    @property
    def succeeded(self) -> bool:
        """Whether the image was pulled."""
        return not self.running and self.failure is None


def retry_seconds(attempts: int) -> float:
    """How long after that many failures in a row the next attempt is made."""
    return float(min(_LONGEST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2 ** min(attempts - 1, 10)))


class Pulls:
    """Safe to use from several threads. Times are monotonic seconds."""

    def __init__(
        self,
        engine: ContainerEngine,
        registry_auth: Path | None,
        pulled: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`pulled` is told the name of every image that was pulled."""
        self._engine = engine
        self._registry_auth = registry_auth
        self._pulled = pulled
        self._clock = clock
        self._lock = threading.Lock()
        self._pulls: dict[_Key, Pull] = {}

    def join(self, image: str, waiter: str, credentials: Sequence[RegistryCredential] = ()) -> Pull:
        """The pull that the waiter waits for: one that is under way, or else a new one.

        One that succeeded is handed to each who waited for it, once.
        """
        with self._lock:
            key = (image, tuple(credentials))
            pull = self._pulls.get(key)
            if pull is None or (pull.succeeded and waiter not in pull.waiting):
                pull = Pull(image, credentials, {waiter}, self._clock())
                self._pulls[key] = pull
                self._begin(pull)
            elif pull.succeeded:
                pull.waiting.discard(waiter)
            else:
                pull.waiting.add(waiter)
                if not pull.running and self._clock() >= pull.retry_at:
                    pull.attempts += 1
                    pull.running, pull.progress = True, Progress()
                    self._begin(pull)
            return pull

    def collect(
        self, image: str, waiter: str, credentials: Sequence[RegistryCredential] = ()
    ) -> bool:
        """Whether the image is there because it was pulled for the waiter, who is told so once.

        The image is there a moment before the engine says that the pull has ended.
        """
        with self._lock:
            pull = self._pulls.get((image, tuple(credentials)))
            if pull is None or waiter not in pull.waiting:
                return False
            if not pull.running and not pull.succeeded:
                return False
            pull.waiting.discard(waiter)
            return True

    def _begin(self, pull: Pull) -> None:
        threading.Thread(target=self._run, args=(pull,), name="pull", daemon=True).start()

    def _run(self, pull: Pull) -> None:
        failure = self._attempt(pull)
        if failure is None:
            self._pulled(pull.image)
        with self._lock:
            pull.failure = failure
            pull.retry_at = self._clock() + retry_seconds(pull.attempts)
            pull.running = False

    def _attempt(self, pull: Pull) -> Explanation | None:
        reference = Reference.parse(pull.image)
        errors: list[str] = []

        def take(line: Mapping[str, Any]) -> None:
            pull.progress.take(line)
            if line.get("error"):
                errors.append(str(line["error"]))

        path = (
            f"/images/create?fromImage={quote(reference.repository, safe='')}"
            f"&tag={quote(reference.version, safe='')}"
        )
        try:
            credentials = given_credentials(
                pull.credentials, reference.registry
            ) or credentials_for(self._registry_auth, reference.registry)
            self._engine.stream(path, take, credentials)
        except CredentialsInvalid as error:
            return Explanation(PullFailure.UNAUTHORISED, f"{pull.image}: {error}")
        except EngineUnreachable as error:
            return Explanation(PullFailure.ENGINE, f"{pull.image}: {error}")
        except EngineRefuses as error:
            errors.append(str(error))
        except ValueError as error:
            errors.append(f"its answer cannot be read: {error}")
        return explain(pull.image, errors[-1]) if errors else None


def _megabytes(count: int) -> str:
    return f"{count / _MEGABYTE:,.1f}" if count < 100 * _MEGABYTE else f"{count / _MEGABYTE:,.0f}"
