"""What the gate knows, on disk: enough to serve Envoy without the control plane.

One file for each workload, each replaced as a whole, so that one change among thousands costs what
it costs among ten. All methods but `load` may run in any thread.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from windlass.gateway.gateway import Certificate, Endpoint, Route, TokenTrust
from windlass.gateway.wire import (
    certificate_from_json,
    certificate_to_json,
    endpoint_from_json,
    endpoint_to_json,
    route_from_json,
    route_to_json,
    trust_from_json,
    trust_to_json,
)


@dataclass(frozen=True, slots=True)
class Record:
    """One workload: what is wanted, and what is still on its way out."""

    route: Route
    draining: tuple[Endpoint, ...] = ()
    """No longer listed, perhaps still with requests in flight."""
    removed: bool = False
    """Answers 404; kept until the last request in flight has ended."""

    def removed_now(self) -> "Record":
        """The same workload with every endpoint on its way out."""
        leaving = (*self.route.endpoints, *self.draining)
        return Record(replace(self.route, endpoints=(), starting=()), leaving, removed=True)


class Store:
    """The directory that holds the snapshot."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._workloads = directory / "workloads"
        self._workloads.mkdir(mode=0o700, parents=True, exist_ok=True)

    def load_records(self) -> Iterator[Record]:
        """Every workload, in no order."""
        for path in self._workloads.glob("*.json"):
            yield _record_from_json(json.loads(path.read_bytes()))

    def load_trust(self) -> TokenTrust | None:
        """Whose tokens count, if that was ever said."""
        body = _read(self._directory / "trust.json")
        return None if body is None else trust_from_json(body)

    def load_certificate(self) -> Certificate | None:
        """What clients are shown, if that was ever said."""
        body = _read(self._certificate)
        return None if body is None else certificate_from_json(body)

    def load_epoch(self) -> int:
        """The highest epoch ever obeyed; 0 where there was none."""
        body = _read(self._directory / "epoch.json")
        return 0 if body is None else int(body["epoch"])

    def save_record(self, record: Record) -> None:
        """Keep a workload, durably."""
        _write(self._path(record.route.workload_id), _record_to_json(record))

    def delete_record(self, workload_id: str) -> None:
        """Forget a workload."""
        self._path(workload_id).unlink(missing_ok=True)

    def save_trust(self, trust: TokenTrust) -> None:
        """Keep whose tokens count, durably."""
        _write(self._directory / "trust.json", trust_to_json(trust))

    def save_certificate(self, certificate: Certificate | None) -> None:
        """Keep what clients are shown, durably; None forgets it."""
        if certificate is None:
            self._certificate.unlink(missing_ok=True)
        else:
            _write(self._certificate, certificate_to_json(certificate))

    def save_epoch(self, epoch: int) -> None:
        """Keep the epoch, durably."""
        _write(self._directory / "epoch.json", {"epoch": epoch})

    @property
    def _certificate(self) -> Path:
        return self._directory / "certificate.json"

    def _path(self, workload_id: str) -> Path:
        return self._workloads / f"{quote(workload_id, safe='')}.json"


def _record_to_json(record: Record) -> dict[str, Any]:
    return {
        "route": route_to_json(record.route),
        "draining": [endpoint_to_json(each) for each in record.draining],
        "removed": record.removed,
    }


def _record_from_json(body: dict[str, Any]) -> Record:
    return Record(
        route_from_json(body["route"]),
        tuple(endpoint_from_json(each) for each in body["draining"]),
        body["removed"],
    )


def _read(path: Path) -> dict[str, Any] | None:
    try:
        body: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return body


def _write(path: Path, body: dict[str, Any]) -> None:
    """Replace a file so that after a crash either the old or the new content is there."""
    temporary = path.with_suffix(".new")
    # Some hold secrets.
    made = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(made, "wb") as file:
        file.write(json.dumps(body).encode())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
