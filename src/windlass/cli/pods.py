"""Starts of replicas as lines of a table."""

from collections.abc import Sequence

from windlass.cli.wording import age, duration
from windlass.client.types import Pod
from windlass.kit.timestamps import from_wire

HEADINGS = ("POD", "STATE", "NODE", "GPUS", "AGE", "RAN", "END")


def pod_rows(pods: Sequence[Pod], now: float) -> list[Sequence[str]]:
    """One row a pod under `HEADINGS`, the newest first."""
    newest_first = sorted(pods, key=lambda pod: pod["createdAt"], reverse=True)
    return [_row(pod, now) for pod in newest_first]


def has_log(pod: Pod) -> bool:
    """Whether its process was started, as far as is known."""
    return pod["k8sPhase"] != "Pending"


def _row(pod: Pod, now: float) -> Sequence[str]:
    end = pod.get("exit")
    return (
        pod["name"],
        _state(pod),
        pod.get("nodeName") or "",
        ", ".join(pod.get("devices") or []),
        age(pod["createdAt"], now),
        _ran(pod, now),
        f"{end['reason']}: {end['message']}" if end else "",
    )


def _state(pod: Pod) -> str:
    if pod["k8sPhase"] == "Running" and not pod.get("ready", True):
        return "Running, not ready"
    return pod["k8sPhase"]


def _ran(pod: Pod, now: float) -> str:
    """For how long its process ran, or has run."""
    started = next((each.get("startedAt") for each in pod.get("containers") or []), None)
    if not started:
        return ""
    completed = pod.get("completedAt")
    return duration((from_wire(completed) if completed else now) - from_wire(started))
