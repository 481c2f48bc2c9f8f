"""Metrics that a replica tells of itself, in Prometheus' text format.

A replica may tell anything, for any time: what is read of it is bounded in both.
"""

import asyncio
import re

import httpx
from prometheus_client.parser import text_string_to_metric_families

LONGEST_SECONDS = 3.0
LARGEST_BYTES = 8 * 2**20
MOST_SERIES = 10_000
"""Of one metric: to read one takes some 10 µs, in which nobody else gets to do anything."""


class NotTold(Exception):
    """The metric could not be read, for the reason given."""


def scrape(url: str, metric: str) -> float:
    """The sum of all series of one metric, as the endpoint tells it now. Raises NotTold.

    Takes little longer than `LONGEST_SECONDS`. Not to be called where an event loop runs.
    """
    lines = _lines_of(metric, asyncio.run(_read(url)))
    if len(lines) > MOST_SERIES:
        raise NotTold(f"{url} tells more than {MOST_SERIES} series of {metric}")
    try:
        values = [
            float(sample.value)
            for family in text_string_to_metric_families("".join(lines))
            for sample in family.samples
            if sample.name == metric
        ]
    except (ValueError, KeyError, IndexError, OverflowError) as error:
        raise NotTold(f"{url} does not answer in Prometheus' text format: {error}") from error
    if not values:
        raise NotTold(f"{url} tells nothing of {metric}")
    return sum(values)


def _lines_of(metric: str, text: str) -> list[str]:
    """The lines that are the metric's. Without its type, too: the parser would call a counter by
    another name."""
    begins = re.compile(rf"[ \t]*{re.escape(metric)}[ \t{{]").match
    return [f"{line}\n" for line in text.split("\n") if begins(line)]


async def _read(url: str) -> str:
    received = bytearray()
    try:
        # One limit for all of it: who sends a byte now and then would never reach one of each read.
        async with (
            asyncio.timeout(LONGEST_SECONDS),
            httpx.AsyncClient(timeout=None, trust_env=False, verify=False) as client,
            client.stream("GET", url, headers=_ASKED) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise NotTold(f"{url} answers {answer.status_code}")
            # As it came: packed, little may become very much.
            async for part in answer.aiter_raw():
                received += part
                if len(received) > LARGEST_BYTES:
                    raise NotTold(f"{url} answers with more than {LARGEST_BYTES} bytes")
    except TimeoutError as error:
        raise NotTold(f"{url} takes longer than {LONGEST_SECONDS:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotTold(f"{url} does not answer: {error or type(error).__name__}") from error
    return received.decode("utf-8", "replace")


_ASKED = {"accept": "text/plain", "accept-encoding": "identity"}
