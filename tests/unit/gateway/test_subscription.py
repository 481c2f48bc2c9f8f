"""The incremental discovery protocol, as one Envoy sees it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.route.v3 import route_pb2
from envoy.service.discovery.v3 import discovery_pb2

from windlass.gateway.gate.discovery import (
    ENDPOINTS,
    LISTENER,
    ROUTES,
    SCOPE,
    Discovery,
    Rejected,
)
from windlass.gateway.gate.subscription import Subscription

Scenario = Callable[[], Coroutine[Any, Any, None]]


class Envoy:
    """The other end of the stream."""

    def __init__(self, discovery: Discovery) -> None:
        self.subscription = Subscription(discovery)
        discovery.connect(self.subscription)
        self._responses = self.subscription.responses()

    def subscribe(self, type_url: str, *names: str, **known: str) -> None:
        """Ask for names, telling what is known already."""
        self.subscription.receive(
            discovery_pb2.DeltaDiscoveryRequest(
                type_url=type_url, resource_names_subscribe=names, initial_resource_versions=known
            )
        )

    async def receive(self) -> discovery_pb2.DeltaDiscoveryResponse:
        """The next response."""
        return await asyncio.wait_for(anext(self._responses), 5)

    def answer(self, response: discovery_pb2.DeltaDiscoveryResponse, refusal: str = "") -> None:
        """Acknowledge a response, or refuse it."""
        request = discovery_pb2.DeltaDiscoveryRequest(
            type_url=response.type_url, response_nonce=response.nonce
        )
        if refusal:
            request.error_detail.message = refusal
        self.subscription.receive(request)


def _scope(name: str) -> route_pb2.RouteConfiguration:
    return route_pb2.RouteConfiguration(name=name)


def test_a_change_counts_only_once_it_is_acknowledged() -> None:
    async def scenario() -> None:
        discovery = Discovery()
        key = discovery.publish(ROUTES, "a", _scope("a"))
        assert not discovery.is_acknowledged(key)
        envoy = Envoy(discovery)
        envoy.subscribe(ROUTES, "a")
        response = await envoy.receive()
        assert not discovery.is_acknowledged(key)
        envoy.answer(response)
        assert discovery.is_acknowledged(key)
        discovery.disconnect(envoy.subscription)
        assert not discovery.is_acknowledged(key)

    asyncio.run(scenario())


def test_what_an_envoy_already_has_is_not_sent_again() -> None:
    async def scenario() -> None:
        discovery = Discovery()
        kept, changed = (
            discovery.publish(SCOPE, name, _scope(name)) for name in ("kept", "changed")
        )
        resource = discovery.get(kept)
        assert resource is not None
        envoy = Envoy(discovery)
        envoy.subscribe(SCOPE, kept=resource.version, changed="old", gone="any")
        assert discovery.is_acknowledged(kept)
        assert not discovery.is_acknowledged(changed)
        response = await envoy.receive()
        assert [each.name for each in response.resources] == ["changed"]
        assert list(response.removed_resources) == ["gone"]

    asyncio.run(scenario())


def test_a_first_subscription_to_everything_is_answered_even_with_nothing() -> None:
    async def scenario() -> None:
        envoy = Envoy(Discovery())
        envoy.subscribe(SCOPE)
        response = await envoy.receive()
        assert (len(response.resources), len(response.removed_resources)) == (0, 0)

    asyncio.run(scenario())


def test_a_refusal_reaches_whoever_waits() -> None:
    async def scenario() -> None:
        discovery = Discovery()
        key = discovery.publish(ROUTES, "a", _scope("a"))
        envoy = Envoy(discovery)
        envoy.subscribe(ROUTES, "a")
        waiting = asyncio.create_task(discovery.wait_until_acknowledged([key]))
        envoy.answer(await envoy.receive(), refusal="nonsense")
        with pytest.raises(Rejected, match="nonsense"):
            await waiting
        assert discovery.rejections == 1

    asyncio.run(scenario())


def test_a_listener_that_is_refused_takes_no_other_with_it_and_is_tried_again() -> None:
    async def scenario() -> None:
        discovery = Discovery()
        keys = [discovery.publish(LISTENER, name, _scope(name)) for name in ("taken", "free")]
        envoy = Envoy(discovery)
        envoy.subscribe(LISTENER)
        for _ in keys:
            response = await envoy.receive()
            [resource] = response.resources
            envoy.answer(response, "in use" if resource.name == "taken" else "")
        await discovery.wait_until_acknowledged(keys[1:])
        with pytest.raises(Rejected, match="in use"):
            await discovery.wait_until_acknowledged(keys)

        discovery.publish(LISTENER, "taken", _scope("taken"))
        envoy.answer(await envoy.receive())
        await discovery.wait_until_acknowledged(keys)

    asyncio.run(scenario())


def test_one_that_is_refused_among_many_takes_no_other_with_it() -> None:
    async def scenario() -> None:
        discovery = Discovery()
        keys = [discovery.publish(SCOPE, name, _scope(name)) for name in ("a", "wrong", "z")]
        envoy = Envoy(discovery)
        envoy.subscribe(SCOPE)
        together = await envoy.receive()
        assert len(together.resources) == len(keys)
        envoy.answer(together, "wrong is wrong")
        for _ in keys:
            response = await envoy.receive()
            [resource] = response.resources
            envoy.answer(response, "so it is" if resource.name == "wrong" else "")
        await discovery.wait_until_acknowledged([keys[0], keys[2]])
        with pytest.raises(Rejected, match="so it is"):
            await discovery.wait_until_acknowledged(keys)
        assert discovery.rejections == 1

    asyncio.run(scenario())


def test_an_earlier_acknowledgement_of_the_same_content_does_not_count() -> None:
    async def scenario() -> None:
        discovery = Discovery()
        envoy = Envoy(discovery)
        envoy.subscribe(ROUTES, "a")
        first, second = _scope("a"), _scope("a")
        second.max_direct_response_body_size_bytes.value = 1
        key = discovery.publish(ROUTES, "a", first)
        envoy.answer(await envoy.receive())
        discovery.publish(ROUTES, "a", second)
        delayed = await envoy.receive()
        discovery.publish(ROUTES, "a", first)
        assert not discovery.is_acknowledged(key)
        last = await envoy.receive()
        envoy.answer(delayed)
        assert not discovery.is_acknowledged(key)
        envoy.answer(last)
        assert discovery.is_acknowledged(key)

    asyncio.run(scenario())


def test_an_absence_counts_once_the_removal_is_acknowledged() -> None:
    async def scenario() -> None:
        discovery = Discovery()
        key = discovery.publish(SCOPE, "a", _scope("a"))
        envoy = Envoy(discovery)
        envoy.subscribe(SCOPE)
        envoy.answer(await envoy.receive())
        discovery.withdraw(SCOPE, "a")
        response = await envoy.receive()
        assert list(response.removed_resources) == ["a"]
        assert not discovery.is_acknowledged(key)
        envoy.answer(response)
        assert discovery.is_acknowledged(key)

    asyncio.run(scenario())


def test_an_endpoint_leaves_after_the_route_that_holds_requests_instead() -> None:
    async def scenario() -> None:
        discovery = Discovery()
        envoy = Envoy(discovery)
        for name, after_routes in (("leaving", True), ("coming", False)):
            assignment = endpoint_pb2.ClusterLoadAssignment(cluster_name=name)
            discovery.publish(ENDPOINTS, name, assignment, after_routes=after_routes)
        discovery.publish(ROUTES, "a", _scope("a"))
        envoy.subscribe(ROUTES, "a")
        envoy.subscribe(ENDPOINTS, "leaving", "coming")
        sent = [await envoy.receive() for _ in range(3)]
        names = [[each.name for each in response.resources] for response in sent]
        assert names == [["coming"], ["a"], ["leaving"]]

    asyncio.run(scenario())
