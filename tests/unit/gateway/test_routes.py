"""Routes as Envoy is told of them."""

from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from windlass.gateway.gate.replicas import cluster, clusters, load_assignment, load_assignments
from windlass.gateway.gate.routes import route_configurations, scope_names, scopes
from windlass.gateway.gate.statistics import in_flight_of
from windlass.gateway.gate.ways import counted_clusters
from windlass.gateway.gateway import Access, Callers, Endpoint, ReplicaProtocol, Route
from windlass.gateway.names import (
    ARRIVAL_FILTER,
    ARRIVAL_HEADER,
    ASKS_HEADER,
    HOLD_FILTER,
    INNER_HEADER,
    LONGEST_SECONDS,
    SLOT_FILTER,
    TOKEN_FILTER,
    UNREACHED_HEADER,
)

SIGNED_IN = Callers(Access.AUTHENTICATED)
ONE, TWO = Endpoint("one", "127.0.0.1", 1001), Endpoint("two", "127.0.0.1", 1002)


def _route(*endpoints: Endpoint, **fields: Any) -> Route:
    return Route("id", ("a.test", "b.test"), "/p/n", endpoints, **fields)


def _ways(route: Route) -> list[dict[str, Any]]:
    """The routes, in the order they are tried."""
    built = MessageToDict(route_configurations(route)[route.workload_id])
    ways: list[dict[str, Any]] = built["virtualHosts"][0]["routes"]
    return ways


def _leads_to(way: dict[str, Any]) -> str:
    target: str = way["route"]["cluster"]
    return target


def _marks(way: dict[str, Any]) -> set[str]:
    """The headers that its requests get before anything else looks at them."""
    changes = way["typedPerFilterConfig"][ARRIVAL_FILTER]["mutations"]["requestMutations"]
    return {change["append"]["header"]["key"] for change in changes}


def test_each_host_and_the_path_is_a_scope_of_its_own() -> None:
    built = scopes(_route(ONE))
    keys = [scope.key.fragments[0].string_key for scope in built.values()]
    assert keys == ["a.test", "b.test", "/p/n"]
    assert {scope.route_configuration_name for scope in built.values()} == {"id"}
    assert list(built) == list(scope_names(_route(ONE)).values())


def test_a_cluster_never_changes_while_its_workload_lives() -> None:
    first, again = (cluster("id", ReplicaProtocol.HTTP) for _ in range(2))
    assert first.SerializeToString(deterministic=True) == again.SerializeToString(
        deterministic=True
    )


def test_a_limit_leaves_the_cluster_of_those_without_one_as_it_is() -> None:
    free, limited = clusters(_route(ONE)), clusters(_route(ONE, concurrency_limit=1))
    assert limited["id"] == free["id"]
    assert [name for name in limited if name not in free] == ["id|slots"]
    policies = [
        each["id"].load_balancing_policy.policies[0].typed_extension_config.name
        for each in (free, {"id": limited["id|slots"]})
    ]
    assert policies == [
        "envoy.load_balancing_policies.least_request",
        "envoy.load_balancing_policies.override_host",
    ]
    assigned = load_assignments(_route(ONE, concurrency_limit=1), [TWO])
    assert assigned["id|slots"].endpoints == assigned["id"].endpoints


@pytest.mark.parametrize("limit", [0, 1])
def test_with_a_limit_until_a_moment_ago_what_is_in_flight_is_counted(limit: int) -> None:
    route = _route(ONE, concurrency_limit=limit)
    counted = {"id": {"a": 1}, "id|slots": {"a": 2, "b": 4}, "id|1": {"a": 8}}
    assert in_flight_of(counted, counted_clusters(route)) == {"a": 3, "b": 4}


def test_draining_replicas_stay_listed_as_such() -> None:
    assignment = MessageToDict(load_assignment("id", [ONE], [TWO]))
    listed = assignment["endpoints"][0]["lbEndpoints"]
    assert [each["healthStatus"] for each in listed] == ["HEALTHY", "DRAINING"]


def test_a_public_request_that_is_complete_soon_goes_straight_to_a_replica() -> None:
    at_inner, small, bodiless, rest = _ways(_route(ONE))
    assert [_leads_to(way) for way in (at_inner, small, bodiless)] == ["id"] * 3
    assert _leads_to(rest) == "inner-300000"


def test_wherever_a_route_leads_to_a_replica_it_wants_the_token_it_should() -> None:
    unreached, at_inner, small, bodiless, rest = _ways(_route(ONE, callers=SIGNED_IN))
    marks = {each["name"] for each in unreached["match"]["headers"]}
    assert marks == {INNER_HEADER, UNREACHED_HEADER}
    for way in (at_inner, small, bodiless):
        assert _leads_to(way) == "id"
        assert TOKEN_FILTER in way["typedPerFilterConfig"]
    assert _leads_to(rest) == "inner-300000"


@pytest.mark.parametrize("route", [_route(), _route(callers=SIGNED_IN)])
def test_what_waits_has_no_way_but_through_an_inner_listener(route: Route) -> None:
    *_, at_inner, rest = _ways(route)
    assert at_inner["match"]["headers"] == [{"name": INNER_HEADER, "presentMatch": True}]
    assert _leads_to(rest) == "inner-300000"
    filters = at_inner["typedPerFilterConfig"]
    assert (TOKEN_FILTER in filters) == (route.callers.access is Access.AUTHENTICATED)
    assert ("checkSettings" in filters[HOLD_FILTER]) == (not route.endpoints)


@pytest.mark.parametrize("endpoints", [(), (ONE,)])
def test_a_limited_workload_has_no_way_to_a_replica_but_with_a_slot(
    endpoints: tuple[Endpoint, ...],
) -> None:
    ways = _ways(_route(*endpoints, concurrency_limit=1))
    again, with_slot, without, straight, *asking, rest = ways
    assert again["match"]["headers"] == [
        {"name": UNREACHED_HEADER, "presentMatch": True},
        {"name": INNER_HEADER, "presentMatch": False},
    ]
    assert [_leads_to(way) for way in (again, *asking)] == ["inner-300000"] * 4
    assert straight["match"]["dynamicMetadata"][0]["filter"] == SLOT_FILTER
    assert straight["route"]["retryPolicy"]["numRetries"] == 1, "there are two clusters to try"
    for way in (with_slot, without):
        assert way["match"]["headers"] == [{"name": INNER_HEADER, "presentMatch": True}]
    assert with_slot["match"]["dynamicMetadata"][0]["filter"] == SLOT_FILTER
    assert "retryHostPredicate" not in with_slot["route"]["retryPolicy"]
    assert without["directResponse"]["status"] == 503
    assert "overrides" in without["typedPerFilterConfig"][SLOT_FILTER]
    assert without["typedPerFilterConfig"][HOLD_FILTER]["disabled"]
    assert _leads_to(rest) == "inner-300000"


def test_a_limited_workload_asks_for_the_token_before_it_asks_for_a_slot() -> None:
    _, _, unreached, without, straight, *asking, rest = _ways(
        _route(ONE, callers=SIGNED_IN, concurrency_limit=1)
    )
    for way in (without, straight, *asking):
        assert TOKEN_FILTER in way["typedPerFilterConfig"]
    for way in asking:
        assert _marks(way) == {ARRIVAL_HEADER, ASKS_HEADER}
    marks = {each["name"] for each in unreached["match"]["headers"]}
    assert marks == {INNER_HEADER, UNREACHED_HEADER}
    assert _leads_to(rest) == "inner-300000"


def test_a_limit_is_not_in_the_routes_so_that_changing_it_changes_none() -> None:
    assert _ways(_route(ONE, concurrency_limit=1)) == _ways(_route(ONE, concurrency_limit=9))


def test_an_unavailable_workload_has_one_answer() -> None:
    [only] = _ways(_route(ONE, unavailable="Why."))
    assert only["directResponse"] == {"status": 503, "body": {"inlineString": "Why."}}


@pytest.mark.parametrize(
    ("seconds", "written"), [(1.5, "1.500s"), (300, "300s"), (1e12, f"{LONGEST_SECONDS}s")]
)
def test_time_outs_fit_into_timers(seconds: float, written: str) -> None:
    at_inner = _ways(_route(ONE, request_timeout_seconds=seconds))[0]["route"]
    assert at_inner["idleTimeout"] == written
    assert at_inner["timeout"] == "0s"
