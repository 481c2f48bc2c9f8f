"""What each kind of workload says about itself, so that reconciling needs no knowledge of kinds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from windlass.engines.engine import ReplicaTemplate
from windlass.gateway.gateway import Access
from windlass.scheduling import Request


@dataclass(frozen=True, slots=True)
class Serving:
    """How requests reach it."""

    access: Access
    request_timeout_seconds: float


class Kind(Protocol):
    """One kind of workload. Every method is pure; `spec` is a spec as it was accepted."""

    def template(self, spec: Mapping[str, Any]) -> ReplicaTemplate:
        """What each replica runs."""

    def request(self, spec: Mapping[str, Any]) -> Request:
        """What each replica needs of a node."""

    def serving(self, spec: Mapping[str, Any]) -> Serving:
        """How requests reach it."""

    def initialization_timeout_seconds(self, spec: Mapping[str, Any]) -> float:
        """How long its replicas may take to be ready once they have a place."""
