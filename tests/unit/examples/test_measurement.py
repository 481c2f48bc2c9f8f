"""What the demo measures, against servers whose answers and delays are known."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

import numpy as np
import pytest

from examples.digits.data import Digits
from examples.digits.measurement import Measurement, WrongAnswer, measure

DIGITS = Digits(np.zeros((10, 64)), np.arange(10))


@contextmanager
def serving(answer: Callable[[int], tuple[int, object]]) -> Iterator[tuple[str, list[str]]]:
    """A server whose n-th answer is `answer(n)`: a status and what is said as JSON."""
    paths: list[str] = []
    lock = Lock()

    class _Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_arguments: object) -> None:
            """Say nothing on standard error."""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                number = len(paths)
                paths.append(self.path)
            status, value = answer(number)
            content = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/default/digits/", paths
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_accuracy_is_the_share_of_right_answers() -> None:
    with serving(lambda _number: (200, {"predictions": [3]})) as (url, paths):
        measured = measure(url, DIGITS, connections=2, rounds=3)
    assert measured.accuracy == pytest.approx(0.1)
    assert measured.requests == len(paths) == 30
    assert set(paths) == {"/default/digits/predict"}


def test_latency_is_what_the_server_took() -> None:
    def answer(_number: int) -> tuple[int, object]:
        time.sleep(0.01)
        return 200, {"predictions": [0]}

    with serving(answer) as (url, _):
        measured = measure(url, DIGITS, connections=1, rounds=1)
    assert measured.latency(0) >= 0.01
    assert measured.seconds >= 0.1


def test_an_error_is_told_with_its_text() -> None:
    with (
        serving(lambda _number: (503, {"message": "no replica"})) as (url, _),
        pytest.raises(WrongAnswer, match=r"503.*no replica"),
    ):
        measure(url, DIGITS, connections=2, rounds=1)


def test_percentiles_are_of_the_sorted_latencies() -> None:
    latencies = [number / 100 for number in range(100)]
    measured = Measurement(accuracy=1, requests=100, seconds=4, latencies=latencies)
    assert measured.latency(50) == 0.5
    assert measured.latency(99) == 0.99
    assert measured.latency(100) == 0.99
    assert measured.requests_per_second == 25
