"""`make demo`: starts a platform, deploys a real model through the public API, and asks it.

Goes on serving until Ctrl-C, which ends all that was started; `--exit` (or EXIT=1) ends at once.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from urllib.parse import urlsplit

from examples.demo_platform import (
    DATA_DIR,
    LOG,
    REPOSITORY,
    AlreadyRunning,
    Platform,
    PlatformTrouble,
    exclusive,
    log_tail,
    running_platform,
)
from examples.digits.data import Digits, held_out_digits
from examples.digits.measurement import Measurement, WrongAnswer, measure
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
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--exit", action="store_true", help="end when done, as EXIT=1 does")
    leave = parser.parse_args().exit or os.environ.get("EXIT") == "1"
    _treat_as_interrupts(signal.SIGTERM, signal.SIGHUP)
    served = False
    try:
        with exclusive(), running_platform() as platform, _announced_end():
            _deploy_and_ask(platform)
            served = True
            if not leave:
                _serve(platform)
    except KeyboardInterrupt:
        return 0 if served else 130
    except (
        AlreadyRunning,
        PlatformTrouble,
        DemoFailed,
        ClientError,
        WrongAnswer,
        OSError,
    ) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    return 0


def _deploy_and_ask(platform: Platform) -> None:
    administrator = Administrator.read(DATA_DIR)
    _say("Platform", f"ready in {platform.seconds_to_ready:.1f} s at {administrator.url}")
    with Client.from_administrator(administrator) as client:
        request = _request(administrator)
        _say("Deploy", f"POST {administrator.url}/api/v1/workloads/inferences")
        _say("", json.dumps({"name": request["name"], "spec": request["spec"]}))
        workload = _deploy(client, request)
    urls = workload.get("urls") or []
    digits = held_out_digits()
    measured = measure(urls[0], digits, CONNECTIONS, ROUNDS)
    _tell_measurement(measured, len(digits.labels))
    if measured.accuracy <= LEAST_ACCURACY:
        raise DemoFailed(f"The model is right in {measured.accuracy:.1%} only; it should be more.")
    _tell_what_to_try(workload, digits)


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
    with Progress() as progress:
        workload_id = client.create_inference(request)["workloadId"]
        waiting = Waiting(client, progress, RUNNING_WITHIN_SECONDS)
        end = waiting.until([workload_id], has_settled).ends.get(workload_id)
    if end is None or end["phase"] != "Running":
        raise DemoFailed(_why_not_running(client, workload_id))
    return end


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


def _tell_what_to_try(workload: Workload, digits: Digits) -> None:
    name, urls = workload["name"], workload.get("urls") or []
    body = json.dumps({"images": [[int(pixel) for pixel in digits.images[0]]]}).replace(" ", "")
    header = "-H 'Content-Type: application/json'"
    _say("Try", f"by path, an image of a {digits.labels[0]}:")
    _say("", f"curl {urls[0].rstrip('/')}/predict {header} -d '{body}'")
    by_host = next((url for url in urls if urlsplit(url).netloc != urlsplit(urls[0]).netloc), None)
    if by_host is not None:
        address, host = urlsplit(urls[0]).netloc, urlsplit(by_host).netloc
        _say("", f"by host, {by_host}:")
        _say("", f"curl -H 'Host: {host}' http://{address}/healthz")
    command = (REPOSITORY / ".venv/bin/windlass").relative_to(REPOSITORY)
    directory = DATA_DIR.relative_to(REPOSITORY)
    _say("See", f"{command} describe {name} --data-dir {directory}")
    _say("Logs", f"of the model:     {command} logs {name} --data-dir {directory}")
    _say("", f"of the platform:  {LOG.relative_to(REPOSITORY)}")


def _serve(platform: Platform) -> None:
    _say("Serving", "until Ctrl-C")
    status = platform.wait()
    raise DemoFailed(
        "\n".join([f"The platform ended by itself with exit status {status}.", *log_tail()])
    )


@contextmanager
def _announced_end() -> Iterator[None]:
    try:
        yield
    finally:
        _say("End", "ending the platform, and everything that runs on it")


def _say(title: str, text: str) -> None:
    print(f"{title:<10}{text}", flush=True)


def _treat_as_interrupts(*signals: signal.Signals) -> None:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for each in signals:
        signal.signal(each, interrupt)


if __name__ == "__main__":
    sys.exit(main())
