"""What is made of a replica's metrics, whatever it tells."""

import gzip
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from windlass.telemetry import scraping
from windlass.telemetry.scraping import LARGEST_BYTES, MOST_SERIES, NotTold, scrape

Answer = Callable[[socket.socket], None]


@contextmanager
def _replica(answer: Answer) -> Iterator[str]:
    """The URL of a server that answers one connection as it likes."""

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            try:
                answer(connection)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/metrics"
        thread.join(10)


def _telling(body: bytes, *headers: str) -> Answer:
    head = "\r\n".join(["HTTP/1.1 200 OK", "connection: close", *headers, "", ""])
    return lambda connection: connection.sendall(head.encode() + body)


def test_all_series_of_a_metric_are_added_up_and_no_other() -> None:
    body = b'# TYPE waiting gauge\nwaiting{a="1"} 2\nwaiting{a="2"} 3.5\nwaiting_long 100\n'
    with _replica(_telling(body)) as url:
        assert scrape(url, "waiting") == 5.5


def test_a_counter_is_found_by_the_name_it_has() -> None:
    # As NVIDIA Triton names its own: without the suffix _total.
    body = b"# HELP nv_inference_count Number.\n# TYPE nv_inference_count counter\n"
    with _replica(_telling(body + b'nv_inference_count{model="m"} 7\n')) as url:
        assert scrape(url, "nv_inference_count") == 7


def test_a_number_that_is_no_float_is_told_as_such() -> None:
    with (
        _replica(_telling(b"waiting 1" + b"0" * 400 + b"\n")) as url,
        pytest.raises(NotTold, match="too large"),
    ):
        scrape(url, "waiting")


def test_so_many_series_are_read_and_no_more() -> None:
    many = b"".join(b'waiting{a="%d"} 1\n' % number for number in range(MOST_SERIES))
    with _replica(_telling(many + b"waiting_long 1\n")) as url:
        assert scrape(url, "waiting") == MOST_SERIES
    with (
        _replica(_telling(many + b"waiting 1\n")) as url,
        pytest.raises(NotTold, match="more than"),
    ):
        scrape(url, "waiting")


def test_other_lines_may_be_nonsense_and_not_even_text() -> None:
    with _replica(_telling(b'\xff\xfe{{{\nwaiting{a="\xff"} 4\n')) as url:
        assert scrape(url, "waiting") == 4


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "1e400"])
def test_what_is_no_finite_number_stays_so(value: str) -> None:
    with _replica(_telling(f"waiting {value}\n".encode())) as url:
        assert not math.isfinite(scrape(url, "waiting"))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(_telling(b"waiting much\n"), id="no number"),
        pytest.param(_telling(b"running 1\n"), id="another metric"),
        pytest.param(_telling(b""), id="nothing"),
        pytest.param(
            _telling(gzip.compress(b"waiting 1\n" * 10_000_000, 1), "content-encoding: gzip"),
            id="packed",
        ),
        pytest.param(_telling(b"waiting 1\n" * (LARGEST_BYTES // 10 + 1)), id="too much"),
        pytest.param(lambda connection: connection.sendall(b"\0\1\2\r\n\r\n"), id="no HTTP"),
        pytest.param(lambda _: None, id="no answer"),
        pytest.param(
            lambda connection: connection.sendall(
                b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n"
            ),
            id="elsewhere",
        ),
    ],
)
def test_what_cannot_be_read_is_not_told(answer: Answer) -> None:
    with _replica(answer) as url, pytest.raises(NotTold):
        scrape(url, "waiting")


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["headers", "body"]
)
def test_who_sends_a_byte_now_and_then_does_not_keep_others_waiting(
    monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    monkeypatch.setattr(scraping, "LONGEST_SECONDS", 0.3)
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        while not ended.wait(0.05):
            connection.sendall(b"a")

    with _replica(drip) as url:
        limit = threading.Timer(20, ended.set)
        limit.start()
        began = time.monotonic()
        with pytest.raises(NotTold, match="takes longer"):
            scrape(url, "waiting")
        assert time.monotonic() - began < 15
        limit.cancel()
        ended.set()


def test_an_address_that_is_none_is_not_told() -> None:
    with pytest.raises(NotTold):
        scrape(f"http://127.0.0.1:9/{'a' * 70_000}", "waiting")
