"""What nothing has been decided about yet: its requests wait, and no later word is overruled."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.gateway.replica import Replica
from tests.integration.gateway.running import (
    EPOCH,
    NO_TRUST,
    RunningGateway,
    eventually,
    route,
)
from windlass.gateway.client import GateClient
from windlass.gateway.gateway import GatewayUnavailable


def test_requests_to_what_was_introduced_wait_until_more_is_said(
    gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    gateway.client.introduce(route(name))
    held = threads.submit(gateway.request, f"/team/{name}/echo")
    eventually(lambda: gateway.held(name) == 1)
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    assert held.result().status == 200


def test_an_introduction_overrules_nothing(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    gateway.client.introduce(route(name))
    assert gateway.request(f"/team/{name}/echo").status == 200
    gateway.client.remove(f"id-{name}", EPOCH)
    gateway.client.introduce(route(name))
    assert gateway.request(f"/team/{name}/echo").status == 404
    # Removed before it was ever known, as when it is deleted at once.
    gateway.client.remove(f"id-{name}-2", EPOCH)
    gateway.client.introduce(route(f"{name}-2"))
    assert gateway.request(f"/team/{name}-2/echo").status == 404


def test_an_introduction_and_the_first_decision_may_come_at_once(
    gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    def decide(each: str) -> None:
        gateway.client.put(route(each), EPOCH)
        gateway.client.put(route(each, replica.endpoint), EPOCH)

    for number in range(20):
        each = f"{name}-{number}"
        introduced = threads.submit(gateway.client.introduce, route(each))
        decided = threads.submit(decide, each)
        introduced.result()
        assert gateway.request(f"/team/{each}/echo").status == 200
        decided.result()
        gateway.client.remove(f"id-{each}", EPOCH)


def test_the_address_of_another_is_not_taken_over(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    with pytest.raises(GatewayUnavailable, match="belongs to workload"):
        gateway.client.introduce(replace(route(name), workload_id="id-of-another"))
    assert gateway.request(f"/team/{name}/echo").status == 200


def test_what_was_introduced_outlives_the_gate_and_who_did_not_know_of_it(
    own_gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica
) -> None:
    own_gateway.client.introduce(route("new"))
    # Controllers that start now may have looked which workloads there are a moment before.
    own_gateway.client.replace_all([], NO_TRUST, EPOCH)
    held = threads.submit(own_gateway.request, "/team/new/echo")
    eventually(lambda: own_gateway.held("new") == 1)
    own_gateway.kill_gate()
    own_gateway.start_gate()
    own_gateway.client.put(route("new", replica.endpoint), EPOCH)
    assert held.result().status == 200
    own_gateway.client.replace_all([], NO_TRUST, EPOCH)
    assert own_gateway.request("/team/new/echo").status == 404


def test_without_a_gate_nobody_waits(tmp_path: Path) -> None:
    client = GateClient(tmp_path, timeout_seconds=3600)
    with pytest.raises(GatewayUnavailable):
        client.introduce(route("anything"))
