"""Asks a served model about every held-out image, and measures how well and how fast it answers."""

import http.client
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from urllib.parse import urlsplit

from examples.digits.data import Digits


class WrongAnswer(Exception):
    """The model, or what is in front of it, did not answer with a prediction."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured over all requests; latencies are of whole requests, in seconds."""

    accuracy: float
    """From 0 to 1."""
    requests: int
    seconds: float
    latencies: Sequence[float]
    """Sorted."""

    @property
    def requests_per_second(self) -> float:
        """Over all connections together."""
        return self.requests / self.seconds

    def latency(self, percent: float) -> float:
        """The latency that `percent` of the requests did not exceed."""
        return self.latencies[
            min(len(self.latencies) - 1, int(len(self.latencies) * percent / 100))
        ]


@dataclass(frozen=True, slots=True)
class _Answer:
    right: bool
    seconds: float


def measure(url: str, digits: Digits, connections: int, rounds: int) -> Measurement:
    """Send each image `rounds` times, one a request, over so many connections kept open.

    `url` is where the workload answers. Raises WrongAnswer or OSError.
    """
    bodies = [json.dumps({"images": [image.tolist()]}).encode() for image in digits.images]
    questions = [*zip(bodies, digits.labels.tolist(), strict=True)] * rounds
    shares = [questions[start::connections] for start in range(connections)]
    began = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        answers = list(chain.from_iterable(pool.map(lambda share: _ask(url, share), shares)))
    seconds = time.perf_counter() - began
    return Measurement(
        accuracy=sum(answer.right for answer in answers) / len(answers),
        requests=len(answers),
        seconds=seconds,
        latencies=sorted(answer.seconds for answer in answers),
    )


def _ask(url: str, questions: Sequence[tuple[bytes, int]]) -> list[_Answer]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    path = parts.path.rstrip("/") + "/predict"
    answers = []
    try:
        for body, label in questions:
            began = time.perf_counter()
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            content = response.read()
            answers.append(
                _Answer(_prediction(response.status, content) == label, time.perf_counter() - began)
            )
    finally:
        connection.close()
    return answers


def _prediction(status: int, content: bytes) -> int:
    if status != 200:
        raise WrongAnswer(f"answered {status}: {content[:500].decode(errors='replace')}")
    predictions: list[int] = json.loads(content)["predictions"]
    return predictions[0]
