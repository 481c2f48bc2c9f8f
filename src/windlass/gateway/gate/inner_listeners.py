"""The inner listeners that there are: one for each time-out, as long as a request may pass it.

When Envoy loses a listener, it closes what connections that has, after a while; so one is withdrawn
only once no route leads there any more and nothing has passed it for a while.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping

from windlass.gateway.gate import inner
from windlass.gateway.gate.discovery import CLUSTER, LISTENER, Discovery, ResourceKey
from windlass.gateway.gate.quiet import Quiet
from windlass.gateway.gate.statistics import Passing
from windlass.kit.clock import Clock

USUAL_LIMIT_SECONDS = 300.0
"""There is always an inner listener for this time-out, and with it the filter of tokens."""
QUIET_SECONDS = 5.0
"""Nothing passes within it: ample for requests that had found their way when their route changed,
and more than those pause that are tried again."""


class InnerListeners:
    """Publishes them, and withdraws those that nobody needs. For one event loop."""

    def __init__(self, discovery: Discovery, clock: Clock) -> None:
        self._discovery = discovery
        self._limits: dict[str, float] = {}
        self._users: dict[str, set[str]] = defaultdict(set)
        """The workloads whose routes lead there, or did until Envoy acknowledges that they do not,
        by listener."""
        self._former: dict[str, set[str]] = defaultdict(set)
        """Those whose routes did before: what waits of theirs may have chosen its way already."""
        self._quiet = Quiet(clock)

    def publish(self, limit_seconds: float) -> list[ResourceKey]:
        """Have the listener of a time-out, and the clusters that lead to it."""
        name = inner.inner_name(limit_seconds)
        self._limits[name] = limit_seconds
        keys = _keys(limit_seconds)
        if any(self._discovery.get(key) is None for key in keys):
            for cluster_name, cluster in inner.clusters(limit_seconds).items():
                self._discovery.publish(CLUSTER, cluster_name, cluster)
            self._discovery.publish(LISTENER, name, inner.listener(limit_seconds))
        return keys

    def adopt(self, key: ResourceKey) -> None:
        """Keep what an Envoy has from before, if it belongs to an inner listener: requests may be
        on their way through it."""
        found = _NAME.fullmatch(key.name)
        if key.type_url in (CLUSTER, LISTENER) and found is not None:
            self.publish(int(found[1]) / 1000)

    def use(self, workload_id: str, limit_seconds: float) -> list[ResourceKey]:
        """Have that listener for the routes of a workload."""
        name = inner.inner_name(limit_seconds)
        self._users[name].add(workload_id)
        self._quiet.forget(name)
        return self.publish(limit_seconds)

    def settle(self, workload_id: str, limit_seconds: float | None) -> None:
        """Envoy has acknowledged that the routes of a workload lead to this listener alone, or, if
        None, to none."""
        kept = None if limit_seconds is None else inner.inner_name(limit_seconds)
        for name, users in self._users.items():
            if name != kept and workload_id in users:
                users.remove(workload_id)
                self._former[name].add(workload_id)

    @property
    def unused(self) -> list[str]:
        """Those that no route leads to, and that are not there for good."""
        usual = inner.inner_name(USUAL_LIMIT_SECONDS)
        return [name for name in self._limits if name != usual and not self._users.get(name)]

    def look(self, passing: Mapping[str, Passing], held: Callable[[str], int]) -> None:
        """Withdraw those unused that have been quiet for long enough. `passing` is what was just
        counted, by cluster; `held` how many requests of a workload wait."""
        for name in self.unused:
            counts = [
                passing.get(each, Passing()) for each in inner.cluster_names(self._limits[name])
            ]
            if any(count.active for count in counts) or any(map(held, self._former[name])):
                self._quiet.forget(name)
                continue
            total = sum(count.total for count in counts)
            if self._quiet.seconds(name, total) >= QUIET_SECONDS:
                self._withdraw(name)

    def _withdraw(self, name: str) -> None:
        for key in _keys(self._limits.pop(name)):
            self._discovery.withdraw(key.type_url, key.name)
        self._users.pop(name, None)
        self._former.pop(name, None)
        self._quiet.forget(name)


def _keys(limit_seconds: float) -> list[ResourceKey]:
    clusters = [ResourceKey(CLUSTER, name) for name in inner.cluster_names(limit_seconds)]
    return [*clusters, ResourceKey(LISTENER, inner.inner_name(limit_seconds))]


_NAME = re.compile(r"inner-(\d{1,15})(-as-client)?")
