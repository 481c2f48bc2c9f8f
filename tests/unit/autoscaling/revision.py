"""One revision as the autoscaler sees it: traffic comes in, replicas follow what is decided."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from windlass.autoscaling import TICK_S, Autoscaler, Decision


@dataclass
class Revision:
    """Replicas that become ready `boot_s` seconds after they were asked for, and go at once."""

    autoscaler: Autoscaler
    boot_s: int = 3
    now: int = 0
    ready: int = 0
    decisions: list[tuple[int, Decision]] = field(default_factory=list)
    _asked: deque[int] = field(default_factory=deque)

    def play(self, samples: Iterable[float | None]) -> None:
        """Let a second pass for each sample, and have a decision at every tick."""
        for sample in samples:
            self.now += 1
            if sample is not None:
                self.autoscaler.record(sample, self.now)
            if self.now % TICK_S == 0:
                self.decisions.append((self.now, self.autoscaler.decide(self.now, self.ready)))
            self._boot()

    def replicas(self) -> dict[int, int]:
        """When the number of replicas became another, and which."""
        changes: dict[int, int] = {}
        last = None
        for at, decision in self.decisions:
            if decision.replicas != last:
                changes[at] = last = decision.replicas
        return changes

    def _boot(self) -> None:
        self._asked.append(self.autoscaler.replicas)
        long_asked = self._asked.popleft() if len(self._asked) > self.boot_s else 0
        self.ready = min(max(self.ready, long_asked), self.autoscaler.replicas)
