"""How many replicas the traffic needs: pure, samples in, a replica count out.

    settings = Settings(
        target=resolve_target(Metric.CONCURRENCY, threshold=10), min_scale=0, max_scale=8
    )
    autoscaler = Autoscaler(settings, at=0, ready=1, running=1, initialized=True)
    autoscaler.record(23.5, at=1)         # once a second: in flight, over all replicas and held
    decision = autoscaler.decide(2, ready=1)
    decision.replicas                     # 4: 23.5 at 7 (70 % of 10) each
    decision.reason                       # Reason.PANIC: more than twice what is ready
    decision.recommendation               # the averages and all that followed from them

This is Knative's autoscaler: a workload scales alike here and on a Kubernetes cluster. `latency`
and metrics of the replicas' own follow the rule of the horizontal pod autoscaler instead:

    horizontal = HorizontalAutoscaler(HorizontalSettings(target=200, max_scale=8), 0, running=2)
    horizontal.decide(15, values=[410.0, 390.0]).replicas    # 4

Both are told the time in seconds, on a clock that does not go back, and know no other. Both can be
replaced at any moment by a new one without history. `decide` always answers with a number within
the bounds; a decision that is not `valid` had nothing to go by and leaves the number as it was.

Where to read: `settings` and `target` (what is asked for), `decisions` (what comes out);
`autoscaler` and `recommender` (the course of a decision); `buckets` and `windows` (averages),
`scale_rules`, `panic_mode`, `scale_down_delay`, `bounds`, `scale_to_zero` (the rules);
`horizontal`, `horizontal_rules` and `stabilization` (the other rule).
"""

from windlass.autoscaling.autoscaler import Autoscaler
from windlass.autoscaling.buckets import LARGEST_SAMPLE
from windlass.autoscaling.decisions import (
    Decision,
    HorizontalDecision,
    HorizontalRecommendation,
    Reason,
    Recommendation,
)
from windlass.autoscaling.horizontal import HorizontalAutoscaler, HorizontalSettings
from windlass.autoscaling.horizontal_rules import SYNC_PERIOD_S
from windlass.autoscaling.settings import TICK_S, Aggregation, Settings
from windlass.autoscaling.target import Metric, Target, resolve_target

__all__ = [
    "LARGEST_SAMPLE",
    "SYNC_PERIOD_S",
    "TICK_S",
    "Aggregation",
    "Autoscaler",
    "Decision",
    "HorizontalAutoscaler",
    "HorizontalDecision",
    "HorizontalRecommendation",
    "HorizontalSettings",
    "Metric",
    "Reason",
    "Recommendation",
    "Settings",
    "Target",
    "resolve_target",
]
