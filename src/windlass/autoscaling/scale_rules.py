"""The rules between an average and a number of replicas, one function each.

Source of all: Knative Serving, `pkg/autoscaler/scaling/autoscaler.go` (v0.50).
"""

import math


def replicas_for(average: float, target: float) -> int:
    """How many replicas carry `average` at `target` each."""
    return math.ceil(average / target)


def counted_ready(ready: int) -> int:
    """Ready replicas as the rates count them: none counts as one, or nothing could grow."""
    return max(1, ready)


def most_after_scale_up(ready: int, max_scale_up_rate: float) -> int:
    """The most that one decision may ask for; rounded up, so that even a low rate adds one."""
    return math.ceil(max_scale_up_rate * counted_ready(ready))


def least_after_scale_down(ready: int, max_scale_down_rate: float, reachable: bool) -> int:
    """The fewest that one decision may ask for; no limit once no route leads here.

    Rounded down, so that even a low rate takes one away.
    """
    if not reachable:
        return 0
    return math.floor(counted_ready(ready) / max_scale_down_rate)


def within_rates(wanted: int, least: int, most: int) -> int:
    """`wanted`, no further from the ready replicas than the rates allow."""
    return min(max(wanted, least), most)


def with_activation_scale(allowed: int, wanted: int, activation_scale: int) -> int:
    """At least the activation scale where there is any traffic, whatever the rates allow.

    An activation scale of 1 asks for nothing: any traffic already wants one.
    """
    if activation_scale > 1 and wanted > 0:
        return max(allowed, activation_scale)
    return allowed


def is_over_panic_threshold(wanted: int, ready: int, panic_threshold: float) -> bool:
    """Whether the panic window wants so many times the ready replicas, before any rate."""
    return wanted / counted_ready(ready) >= panic_threshold


def excess_burst_capacity(
    ready: int, capacity: float, target_burst_capacity: float, panic_average: float
) -> int:
    """What ready replicas of `capacity` each could take on top of traffic and expected burst.

    Negative where a burst would have to wait. With a target burst capacity of 0 nothing is kept
    for bursts and the answer is 0; with -1 no capacity is ever enough and it is -1.
    """
    if target_burst_capacity == 0:
        return 0
    if target_burst_capacity < 0:
        return -1
    return math.floor(ready * capacity - target_burst_capacity - panic_average)
