"""Traces recorded from Knative Serving v0.50.0's own autoscaler, and how they are replayed.

Each trace in `data/knative_autoscaler.jsonl.gz` has its settings (`spec`), the ready replicas when
the autoscaler was made (`initial_ready`), and one entry in `ticks` for every two seconds: what was
recorded in the seconds `t` and `t + 1` (-1 is nothing), and what the autoscaler answered when asked
in the second `t + 1`.
"""

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from windlass.autoscaling import Aggregation, Autoscaler, Decision, Settings, Target

DATA = Path(__file__).parent / "data"
NOTHING_RECORDED = -1

Trace = dict[str, Any]
Tick = dict[str, Any]


@cache
def recorded_traces() -> tuple[Trace, ...]:
    with gzip.open(DATA / "knative_autoscaler.jsonl.gz", "rt") as lines:
        return tuple(json.loads(line) for line in lines)


def replay(trace: Trace) -> Iterator[tuple[Tick, Decision]]:
    """Each tick of the trace beside what our autoscaler decides on the same samples."""
    autoscaler = Autoscaler(
        settings_of(trace["spec"]), at=0, ready=trace["initial_ready"], running=0, initialized=True
    )
    for tick in trace["ticks"]:
        asked_at = tick["t"] + 1
        for at, sample in enumerate(tick["samples"], start=tick["t"]):
            if sample != NOTHING_RECORDED:
                autoscaler.record(sample, at)
        yield tick, autoscaler.decide(asked_at, tick["ready"])


def settings_of(spec: dict[str, Any]) -> Settings:
    stable_window_s = spec["stable_window_s"]
    settings = Settings(
        target=Target(spec["target"], spec["total"]),
        min_scale=0,
        activation_scale=max(spec["activation_scale"], 1),
        stable_window_s=stable_window_s,
        panic_window_percentage=100 * spec["panic_window_s"] / stable_window_s,
        panic_threshold=spec["panic_threshold"],
        max_scale_up_rate=spec["max_scale_up_rate"],
        max_scale_down_rate=spec["max_scale_down_rate"],
        scale_down_delay_s=spec["scale_down_delay_s"],
        target_burst_capacity=spec["target_burst_capacity"],
        aggregation=(
            Aggregation.WEIGHTED_EXPONENTIAL if spec["weighted_buckets"] else Aggregation.LINEAR
        ),
        reachable=spec["reachable"],
    )
    assert settings.panic_window_s == spec["panic_window_s"]
    return settings
