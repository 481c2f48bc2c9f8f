"""`windlass describe`: one workload, why it is as it is, and what to look at next."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windlass.cli.names import find_workload
from windlass.cli.output import console, print_facts, print_json, print_table, styled
from windlass.cli.pods import HEADINGS, has_log, pod_rows
from windlass.cli.progress import replicas
from windlass.cli.target import client_of
from windlass.cli.wording import age, compute
from windlass.client import Client, NotFound
from windlass.client.types import Event, Inference, Pod, Workload

_ENDED_PODS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Subject:
    """All that is known of one workload; `inference` is None where its kind has no more to say."""

    workload: Workload
    inference: Inference | None
    pods: Sequence[Pod]
    events: Sequence[Event]


def run(data_dir: Path, name: str, *, project: str | None, event_limit: int, as_json: bool) -> int:
    """Print all that is known of one workload."""
    with client_of(data_dir) as client:
        subject = _look(client, find_workload(client, name, project), event_limit)
    if as_json:
        print_json(
            {
                "workload": subject.workload,
                "inference": subject.inference,
                "pods": subject.pods,
                "events": subject.events,
            }
        )
    else:
        _print(subject, time.time())
    return 0


def _look(client: Client, workload: Workload, event_limit: int) -> Subject:
    workload_id = workload["id"]
    # The list may leave out what only the workload itself tells, such as why it is pending.
    workload = client.workload(workload_id)
    try:
        inference = client.inference(workload_id) if workload["type"] == "Inference" else None
    except NotFound:
        inference = None
    pods = client.pods(workload_id) + client.ended_pods(workload_id, _ENDED_PODS_SHOWN)
    return Subject(workload, inference, pods, client.events(workload_id, event_limit))


def _print(subject: Subject, now: float) -> None:
    _print_heading(subject.workload, now)
    _print_section("Where it answers", [("", url) for url in subject.workload.get("urls") or []])
    _print_section("What was asked for", list(_specification(subject)))
    if subject.pods:
        print()
        print_table(HEADINGS, pod_rows(subject.pods, now))
    if subject.events:
        print()
        print_table(("AGE", "EVENT", "MESSAGE"), [_event_row(each, now) for each in _told(subject)])
    _print_section("Next", [("", command) for command in _next_commands(subject)])


def _print_heading(workload: Workload, now: float) -> None:
    from rich.text import Text

    since = age(workload.get("phaseUpdatedAt"), now)
    heading = Text.assemble((workload["name"], "bold"), "  ", styled(workload["phase"]))
    if since:
        heading.append(f" for {since}")
    console().print(heading)
    ready, wanted = replicas(workload)
    print_facts(
        [
            ("why", workload.get("phaseMessage") or ""),
            ("reason", workload.get("phaseReason") or ""),
            *_scheduling_facts(workload),
            ("replicas", f"{ready} of {wanted} ready"),
            ("project", workload["projectName"]),
            ("id", workload["id"]),
            ("created", _created(workload, now)),
        ],
        indent=2,
    )


def _scheduling_facts(workload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for message in workload.get("pendingSchedulingMessages") or []:
        text = message.get("userMessage") or message.get("reason") or ""
        if text and text != workload.get("phaseMessage"):
            yield f"node pool {message.get('nodePool', '')}", text


def _created(workload: Workload, now: float) -> str:
    by = workload.get("submittedBy")
    return f"{age(workload['createdAt'], now)} ago" + (f" by {by}" if by else "")


def _specification(subject: Subject) -> Iterator[tuple[str, str]]:
    spec = subject.inference["spec"] if subject.inference else {}
    yield "image", str(spec.get("image") or ", ".join(subject.workload.get("images") or []))
    for name, title in (("command", "command"), ("args", "args"), ("workingDir", "directory")):
        yield title, str(spec.get(name) or "")
    yield (
        "environment",
        "\n".join(_variable(each) for each in spec.get("environmentVariables") or []),
    )
    yield "compute", compute(spec.get("compute") or {})
    yield "port", _port(spec.get("servingPort") or {})
    yield "replicas", _range(spec.get("autoscaling") or {})
    yield "priority", _priority(subject.workload)
    yield "time-outs", _timeouts(spec.get("servingConfiguration") or {})


def _variable(variable: Mapping[str, Any]) -> str:
    name = variable.get("name")
    if variable.get("exclude"):
        return f"{name} is left out"
    return f"{name}={variable.get('value') or ''}"


def _port(port: Mapping[str, Any]) -> str:
    if not port:
        return ""
    protocol = port.get("protocol") or "http"
    return f"{port.get('container')} {protocol}, {port.get('authorizationType') or 'public'}"


def _range(autoscaling: Mapping[str, Any]) -> str:
    least = autoscaling.get("minReplicas")
    most = autoscaling.get("maxReplicas")
    if least is None and most is None:
        return ""
    if most in (None, least):
        return str(least)
    metric, threshold = autoscaling.get("metric"), autoscaling.get("metricThreshold")
    by = f", by {metric} of {threshold} each" if metric else ", by traffic"
    return f"{least} to {most}{by}"


def _priority(workload: Workload) -> str:
    name = workload.get("priorityClassName") or ""
    preemptible = workload.get("preemptible")
    if not name or preemptible is None:
        return name
    return f"{name}, {'preemptible' if preemptible else 'not preemptible'}"


def _timeouts(configuration: Mapping[str, Any]) -> str:
    parts = (
        ("initialization", configuration.get("initializationTimeoutSeconds")),
        ("request", configuration.get("requestTimeoutSeconds")),
    )
    return ", ".join(f"{name} {seconds} s" for name, seconds in parts if seconds is not None)


def _print_section(title: str, facts: Sequence[tuple[str, str]]) -> None:
    from rich.text import Text

    if not any(value for _, value in facts):
        return
    print()
    console().print(Text(title, style="bold"))
    if all(not name for name, _ in facts):
        for _, value in facts:
            print(f"  {value}")
    else:
        print_facts(facts, indent=2)


def _told(subject: Subject) -> list[Event]:
    """Oldest first, as a story is told."""
    return sorted(subject.events, key=lambda event: event["createdAt"])


def _event_row(event: Event, now: float) -> Sequence[str]:
    mark = "! " if event["type"] == "Warning" else ""
    return age(event["createdAt"], now), mark + event["reason"], event["message"]


def _next_commands(subject: Subject) -> Iterator[str]:
    name = subject.workload["name"]
    if any(has_log(pod) for pod in subject.pods):
        yield f"windlass logs {name}"
    if subject.workload["phase"] == "Failed":
        yield f"windlass delete {name}"
