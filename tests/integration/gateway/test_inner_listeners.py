"""Listeners within Envoy come and go with the time-outs that workloads have."""

import json
import queue
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from tests.integration.gateway.replica import Replica
from tests.integration.gateway.running import EPOCH, Answer, RunningGateway, eventually, route


class Upload:
    """A body that ends when it is told to; it passes an inner listener, since nobody knows how long
    it will be."""

    def __init__(self) -> None:
        self._parts: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._parts.put(b"first")

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts.get, b"")

    def end(self) -> None:
        self._parts.put(b"last")
        self._parts.put(b"")


def test_one_that_no_workload_has_any_more_goes_and_what_is_in_flight_on_it_ends_well(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    busy, idle = f"{name}-busy", f"{name}-idle"
    for each, seconds in ((busy, 71.0), (idle, 72.0)):
        gateway.client.put(route(each, replica.endpoint, request_timeout_seconds=seconds), EPOCH)
        assert gateway.request(f"/team/{each}/echo", "POST", body=[b"chunked"]).status == 200
    assert {"inner-71000", "inner-72000"} <= listeners(gateway)

    with uploading(gateway, replica, busy) as (upload, sent):
        gateway.client.put(route(busy, replica.endpoint, request_timeout_seconds=73.0), EPOCH)
        gateway.client.remove(f"id-{idle}", EPOCH)
        # As long unused as the other, but for what is in flight on that.
        eventually(lambda: "inner-72000" not in listeners(gateway), 60)
        assert {"inner-71000", "inner-73000"} <= listeners(gateway)
        upload.end()
        assert sent.result().json["size"] == len(b"firstlast")
    eventually(lambda: "inner-71000" not in listeners(gateway), 60)

    gateway.client.put(route(busy, replica.endpoint, request_timeout_seconds=71.0), EPOCH)
    assert gateway.request(f"/team/{busy}/echo", "POST", body=[b"chunked"]).status == 200
    assert "inner-71000" in listeners(gateway)


def test_one_that_is_on_its_way_out_outlives_the_gate(
    own_gateway: RunningGateway, replica: Replica
) -> None:
    own_gateway.client.put(route("w", replica.endpoint, request_timeout_seconds=71.0), EPOCH)
    with uploading(own_gateway, replica, "w") as (upload, sent):
        own_gateway.client.put(route("w", replica.endpoint), EPOCH)
        own_gateway.kill_gate()
        own_gateway.start_gate()
        # What Envoy is told at first, it has been told by then.
        other = route("other", replica.endpoint, request_timeout_seconds=72.0)
        own_gateway.client.put(other, EPOCH)
        assert {"inner-71000", "inner-72000"} <= listeners(own_gateway)
        upload.end()
        assert sent.result().json["size"] == len(b"firstlast")
    eventually(lambda: "inner-71000" not in listeners(own_gateway), 60)


@contextmanager
def uploading(
    gateway: RunningGateway, replica: Replica, name: str
) -> Iterator[tuple[Upload, "Future[Answer]"]]:
    """While a replica receives a body, which ends with the context at the latest."""
    upload = Upload()
    with ThreadPoolExecutor(1) as thread:
        try:
            path = f"/team/{name}/echo"
            sent = thread.submit(gateway.request, path, "POST", body=upload, seconds=120)
            eventually(lambda: replica.in_flight == 1)
            yield upload, sent
        finally:
            upload.end()


def listeners(gateway: RunningGateway) -> set[str]:
    """The names of the listeners that Envoy has."""
    shown = json.loads(gateway.admin("/listeners?format=json"))
    return {each["name"] for each in shown["listener_statuses"]}
