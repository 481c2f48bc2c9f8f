"""`make demo`: starts a platform, deploys a real model through the public API, and asks it.

Goes on serving until Ctrl-C, which ends all that was started.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from examples.demo_platform import REPOSITORY, AlreadyRunning, DemoPlatform, PlatformTrouble
from examples.demo_scaling import CONNECTIONS as CONNECTIONS_UNDER_LOAD
from examples.demo_scaling import DidNotScale, scale
from examples.digits.data import Digits, held_out_digits
from examples.digits.measurement import Measurement, WrongAnswer, measure
from examples.timeline import chart
from windlass.cli.documents import read_documents
from windlass.cli.progress import Progress
from windlass.cli.waiting import Waiting, has_settled
from windlass.client import Administrator, Client, ClientError
from windlass.client.types import InferenceRequest, Workload

INFERENCE = REPOSITORY / "examples" / "digits" / "inference.yaml"
LEAST_ACCURACY = 0.9
CONNECTIONS = 4
ROUNDS = 4
RUNNING_WITHIN_SECONDS = 180.0
LOG_LINES = 20


class DemoFailed(Exception):
    """The demo did not show what it promises; the text is for people."""


def main() -> int:
    """Run the demo. 0 when all went well, 1 when not, 130 when interrupted before it was done."""
    options = _options()
    platform = DemoPlatform(options.folder.absolute())
    # Ctrl-C too: a shell starts background processes with that ignored.
    _treat_as_interrupts(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    has_shown = False
    try:
        with platform.alone(), platform.running() as control_plane, _announced_end():
            _deploy_and_ask(platform)
            has_shown = True
            if not options.exit:
                _say("Serving", "until Ctrl-C")
                status = control_plane.wait()
                raise DemoFailed(f"windlass up ended by itself ({status}).\n{platform.log_tail()}")
    except KeyboardInterrupt:
        return 0 if has_shown else 130
    except (
        AlreadyRunning,
        PlatformTrouble,
        DemoFailed,
        DidNotScale,
        ClientError,
        WrongAnswer,
        OSError,
    ) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument(
        "--exit",
        action="store_true",
        default=os.environ.get("EXIT") == "1",
        help="end when done, as EXIT=1 in the environment does",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=REPOSITORY / ".cache" / "demo",
        help="where the platform keeps everything (default: %(default)s)",
    )
    return parser.parse_args()


def _deploy_and_ask(platform: DemoPlatform) -> None:
    administrator = Administrator.read(platform.data_dir)
    _say("Platform", f"ready in {platform.seconds_to_ready:.1f} s at {administrator.url}")
    with Client.from_administrator(administrator) as client:
        workload = _deploy(client, _request(administrator))
        urls = workload.get("urls") or []
        digits = held_out_digits()
        measured = measure(urls[0], digits, CONNECTIONS, ROUNDS)
        _tell_measurement(measured, len(digits.labels))
        if measured.accuracy <= LEAST_ACCURACY:
            raise DemoFailed(f"The model is right in {measured.accuracy:.1%} only.")
        _scale(client, workload, digits)
    _tell_what_to_try(workload, digits, platform.folder / "image.json")
    _tell_where_to_look(workload, platform)


def _request(administrator: Administrator) -> InferenceRequest:
    """The body that `windlass submit -f examples/digits/inference.yaml` would send."""
    (document,) = read_documents(INFERENCE)
    return {
        "name": document["name"],
        "spec": document["spec"],
        "projectId": administrator.project_id,
        "clusterId": administrator.cluster_id,
    }


def _deploy(client: Client, request: InferenceRequest) -> Workload:
    """Create the workload and show its phases until it runs. Raises DemoFailed."""
    _say("Deploy", f"POST /api/v1/workloads/inferences, the body of {_short(INFERENCE)}")
    with Progress() as progress:
        inference = client.create_inference(request)
        progress.begin(inference)
        workload_id = inference["workloadId"]
        waiting = Waiting(client, progress, RUNNING_WITHIN_SECONDS)
        end = waiting.until([workload_id], has_settled).ends.get(workload_id)
    if end is None or end["phase"] != "Running":
        raise DemoFailed(_why_not_running(client, workload_id))
    return end


def _scale(client: Client, workload: Workload, digits: Digits) -> None:
    _say("Scale", f"{CONNECTIONS_UNDER_LOAD} connections at once, then silence, then one request")
    body = json.dumps({"images": [digits.images[0].tolist()]}).encode()
    by_path = (workload.get("urls") or [""])[0]
    course = scale(client, workload["id"], f"{by_path.rstrip('/')}/predict", body)
    for line in chart(course.moments):
        _say("", line)
    _say("", f"{course.requests} requests answered by up to {course.most_ready} replicas;")
    _say("", f"the late one woke the model and was answered after {course.woken_after:.2f} s")
    for event in reversed(client.events(workload["id"], limit=200)):
        if event["reason"] == "Scaled":
            _say("", event["message"])


def _why_not_running(client: Client, workload_id: str) -> str:
    workload = client.workload(workload_id)
    reason = workload.get("phaseMessage") or "no reason given"
    lines = [f"{workload['name']} is {workload['phase']}: {reason}"]
    lines += [
        f"  {event['createdAt']}  {event['type']}  {event['reason']}: {event['message']}"
        for event in reversed(client.events(workload_id, limit=20))
    ]
    pods = client.ended_pods(workload_id, limit=1) or client.pods(workload_id)
    if pods:
        lines.append(f"The end of the log of {pods[0]['name']}:")
        with client.logs(workload_id, pods[0]["id"], tail=LOG_LINES) as log:
            lines += [f"  {line}" for line in log]
    return "\n".join(lines)


def _tell_measurement(measured: Measurement, images: int) -> None:
    _say(
        "Ask",
        f"{measured.requests} requests through the gateway in {measured.seconds:.1f} s: {images} "
        f"held-out images, {ROUNDS} times each, over {CONNECTIONS} connections",
    )
    _say("", f"accuracy    {measured.accuracy:.1%}")
    _say("", f"throughput  {measured.requests_per_second:.0f} requests/s")
    milliseconds = [f"p{percent} {measured.latency(percent) * 1000:.1f} ms" for percent in (50, 99)]
    _say("", f"latency     {', '.join(milliseconds)}")


def _tell_what_to_try(workload: Workload, digits: Digits, file: Path) -> None:
    by_path, *others = workload.get("urls") or []
    file.write_text(json.dumps({"images": [digits.images[0].tolist()]}))
    header = "-H 'Content-Type: application/json'"
    _say("Try", f"by path, with an image of a {digits.labels[0]}:")
    _say("", f"curl {by_path.rstrip('/')}/predict {header} -d @{_short(file)}")
    for url in others:
        _say("", f"by host, {url}:")
        host, address = urlsplit(url).netloc, urlsplit(by_path).netloc
        _say("", f"curl -H 'Host: {host}' http://{address}/healthz")


def _tell_where_to_look(workload: Workload, platform: DemoPlatform) -> None:
    directory = f"--data-dir {_short(platform.data_dir)}"
    _say("Look", f".venv/bin/windlass describe {workload['name']} {directory}")
    _say("Logs", f".venv/bin/windlass logs {workload['name']} {directory}")
    _say("", f"and of the platform: {_short(platform.log)}")


@contextmanager
def _announced_end() -> Iterator[None]:
    try:
        yield
    finally:
        _say("End", "ending the platform, and everything that runs on it")


def _say(title: str, text: str) -> None:
    print(f"{title:<10}{text}", flush=True)


def _short(path: Path) -> Path:
    """As it is typed in the repository's root."""
    return path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path


def _treat_as_interrupts(*signals: signal.Signals) -> None:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for each in signals:
        signal.signal(each, interrupt)


if __name__ == "__main__":
    sys.exit(main())
