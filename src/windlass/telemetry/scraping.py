"""Metrics that a replica tells of itself, in Prometheus' text format."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from windlass.kit.clock import SystemClock

LONGEST_SECONDS = 3.0
LARGEST_BYTES = 8 * 2**20


class NotTold(Exception):
    """The metric could not be read, for the reason given."""


def scrape(url: str, metric: str) -> float:
    """The sum of all series of one metric, as the endpoint tells it now. Raises NotTold."""
    text = _read(url)
    try:
        values = [
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == metric
        ]
    except (ValueError, KeyError, IndexError) as error:
        raise NotTold(f"{url} does not answer in Prometheus' text format: {error}") from error
    if not values:
        raise NotTold(f"{url} tells nothing of {metric}")
    return sum(values)


def _read(url: str) -> str:
    received = bytearray()
    clock = SystemClock()
    deadline = clock.monotonic() + LONGEST_SECONDS
    try:
        with (
            httpx.Client(timeout=LONGEST_SECONDS, trust_env=False) as client,
            client.stream("GET", url, headers={"accept": "text/plain"}) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise NotTold(f"{url} answers {answer.status_code}")
            for part in answer.iter_bytes():
                received += part
                if len(received) > LARGEST_BYTES:
                    raise NotTold(f"{url} answers with more than {LARGEST_BYTES} bytes")
                if clock.monotonic() > deadline:
                    raise NotTold(f"{url} takes longer than {LONGEST_SECONDS:g} s")
    except httpx.HTTPError as error:
        raise NotTold(f"{url} does not answer: {error or type(error).__name__}") from error
    return received.decode("utf-8", "replace")
