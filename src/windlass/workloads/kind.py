"""What each kind of workload says about itself, so that reconciling needs no knowledge of kinds."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from windlass.engines.engine import ReplicaTemplate
from windlass.gateway.gateway import Callers, ReplicaProtocol
from windlass.scheduling import Request
from windlass.spec.exposure import Exposure
from windlass.spec.placement import Constraints
from windlass.workloads.scaling import Scaling


class DesiredWorkload(Protocol):
    """One revision in the platform's words, with every default filled in."""

    @property
    def template(self) -> ReplicaTemplate:
        """What each replica runs."""

    @property
    def request(self) -> Request:
        """What each replica needs of a node."""

    @property
    def scaling(self) -> Scaling:
        """How many replicas, and what moves their number."""

    @property
    def constraints(self) -> Constraints:
        """Which nodes its replicas may run on."""

    @property
    def callers(self) -> Callers:
        """Who may call it."""

    @property
    def internal_only(self) -> bool:
        """Whether its serving port is reached by the internal gateway alone."""

    @property
    def protocol(self) -> ReplicaProtocol:
        """How its serving port is spoken to."""

    @property
    def exposures(self) -> tuple[Exposure, ...]:
        """The further ways to its replicas."""

    @property
    def request_timeout_seconds(self) -> int:
        """How long a request may take to its first byte of answer, and be silent after it."""

    @property
    def initialization_timeout_seconds(self) -> int:
        """How long its replicas may take to be ready once they have a place."""


Kind = Callable[[Mapping[str, Any]], DesiredWorkload]
"""Reads a spec as it was accepted."""

_REMEMBERED_REVISIONS = 20_000


class Kinds:
    """Every kind there is, by the type that workload records carry."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self._kinds = kinds
        self._read: OrderedDict[str, DesiredWorkload] = OrderedDict()

    def desired(self, type_: str, revision_id: str, spec: Mapping[str, Any]) -> DesiredWorkload:
        """What a revision asks for; a revision never changes, so it is read once."""
        found = self.remembered(revision_id)
        if found is None:
            found = self._read[revision_id] = self._kinds[type_](spec)
            if len(self._read) > _REMEMBERED_REVISIONS:
                self._read.popitem(last=False)
        return found

    def known(self, revision_id: str) -> DesiredWorkload:
        """What a revision asks for that was read a moment ago. Raises KeyError."""
        return self._read[revision_id]

    def remembered(self, revision_id: str) -> DesiredWorkload | None:
        """The same of a revision that was read already."""
        return self._read.get(revision_id)
