"""The part of the demo in which traffic decides: load, silence, and one late request."""

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from examples.timeline import Moment
from windlass.client import Client, ClientError

CONNECTIONS = 12
LOAD_AT_LEAST_SECONDS = 4.0
RISEN_WITHIN_SECONDS = 60.0
FALLEN_WITHIN_SECONDS = 90.0
LOOK_SECONDS = 0.5


class DidNotScale(Exception):
    """The number of replicas did not follow the traffic; the text is for people."""


@dataclass(frozen=True, slots=True)
class Course:
    """What was seen, and how long the late request took, in seconds."""

    moments: tuple[Moment, ...]
    most_ready: int
    requests: int
    woken_after: float


def scale(client: Client, workload_id: str, url: str, body: bytes) -> Course:
    """Ask over many connections until replicas have risen, fall silent, and ask once more.

    `url` is where `body` is posted. Raises DidNotScale or OSError.
    """
    with Watching(client, workload_id) as watching:
        asked = _ask_until_risen(watching, url, body)
        watching.wait(lambda seen: seen.ready == seen.wanted == 0, FALLEN_WITHIN_SECONDS, "fall")
        time.sleep(2 * LOOK_SECONDS)
        began = time.monotonic()
        _ask(_connection(url), url, body)
        woken_after = time.monotonic() - began
        watching.wait(lambda seen: bool(seen.ready), FALLEN_WITHIN_SECONDS, "come back")
        time.sleep(2 * LOOK_SECONDS)
    moments = tuple(watching.moments)
    return Course(moments, max(each.ready or 0 for each in moments), asked, woken_after)


def _ask_until_risen(watching: "Watching", url: str, body: bytes) -> int:
    with _asking(url, body) as counts:
        began = time.monotonic()
        watching.wait(lambda seen: seen.ready == seen.most, RISEN_WITHIN_SECONDS, "rise")
        time.sleep(max(0.0, LOAD_AT_LEAST_SECONDS - (time.monotonic() - began)))
    return sum(counts)


class Watching:
    """Looks at one workload again and again, for as long as the `with` lasts."""

    def __init__(self, client: Client, workload_id: str) -> None:
        self._client = client
        self._id = workload_id
        self.moments: list[Moment] = []
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watching":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait(self, reached: Callable[[Moment], bool], seconds: float, what: str) -> None:
        """Wait until a moment is as wanted. Raises DidNotScale."""
        with self._changed:
            found = self._changed.wait_for(
                lambda: bool(self.moments) and self._has(reached), seconds
            )
        if not found:
            last = self.moments[-1] if self.moments else None
            raise DidNotScale(f"The replicas did not {what} within {seconds:g} s; last: {last}")

    def _has(self, reached: Callable[[Moment], bool]) -> bool:
        last = self.moments[-1]
        return last.ready is not None and reached(last)

    def _look(self) -> None:
        began = time.monotonic()
        while not self._stop.wait(LOOK_SECONDS):
            moment = self._seen(began)
            with self._changed:
                self.moments.append(moment)
                self._changed.notify_all()

    def _seen(self, began: float) -> Moment:
        with contextlib.suppress(ClientError):
            for each in self._client.live():
                if each["id"] == self._id:
                    return Moment(
                        seconds=time.monotonic() - began,
                        ready=each["replicas"]["ready"],
                        wanted=each["replicas"]["wanted"],
                        most=each["replicas"]["max"],
                        requests_per_second=each["requestsPerSecond"],
                        held=each["held"],
                    )
        return Moment(time.monotonic() - began)


@contextmanager
def _asking(url: str, body: bytes) -> Iterator[list[int]]:
    """Every connection asks, one request after the other; how many each has had answered."""
    stop = threading.Event()
    counts = [0] * CONNECTIONS
    failures: list[Exception] = []

    def ask(number: int) -> None:
        connection = _connection(url)
        try:
            while not stop.is_set():
                _ask(connection, url, body)
                counts[number] += 1
        except (OSError, http.client.HTTPException, DidNotScale) as error:
            failures.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if failures:
        raise DidNotScale(f"{len(failures)} requests failed; the first: {failures[0]}")


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)


def _ask(connection: http.client.HTTPConnection, url: str, body: bytes) -> None:
    connection.request("POST", urlsplit(url).path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    content = response.read()
    if response.status != http.client.OK:
        raise DidNotScale(f"answered {response.status}: {content[:300].decode(errors='replace')}")
