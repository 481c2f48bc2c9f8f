"""Envoy's routes for one workload.

There is one route configuration for each way in, and a scope for each key that leads there: every
host, the path, an address. Envoy's API is described at envoyproxy.io/docs/envoy/v1.40.0/api-v3.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from envoy.config.core.v3 import base_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2, scoped_route_pb2
from envoy.extensions.dynamic_modules.v3 import dynamic_modules_pb2
from envoy.extensions.filters.http.dynamic_modules.v3 import (
    dynamic_modules_pb2 as module_filter_pb2,
)
from envoy.extensions.filters.http.ext_authz.v3 import ext_authz_pb2
from envoy.extensions.filters.http.ext_proc.v3 import ext_proc_pb2
from envoy.extensions.filters.http.header_mutation.v3 import header_mutation_pb2
from envoy.extensions.retry.host.previous_hosts.v3 import previous_hosts_pb2
from envoy.type.matcher.v3 import string_pb2
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import StringValue
from xds.type.v3 import typed_struct_pb2

from windlass.gateway.filters import MODULE_CONFIGURATION
from windlass.gateway.gate.callers import caller_filters
from windlass.gateway.gate.inner import again_cluster_name, inner_cluster_name
from windlass.gateway.gate.packing import (
    packed,
    set_header,
)
from windlass.gateway.gate.queues import Lent
from windlass.gateway.gate.ways import (
    Way,
    is_held,
    is_limited,
    is_public,
    limit_seconds,
    slots_cluster_name,
    ways,
)
from windlass.gateway.gateway import Route
from windlass.gateway.names import (
    ARRIVAL_FILTER,
    ARRIVAL_HEADER,
    ARRIVED,
    ASKS,
    ASKS_AT_LENGTH,
    ASKS_HEADER,
    CALLER_FILTERS,
    CLAIM_HEADERS,
    HOLD_FILTER,
    INNER_HEADER,
    INTERNAL_HEADER,
    KEY,
    LENT_SLOT_FILTER,
    NOT_HERE,
    ROUTE_KEY_FILTER,
    ROUTE_KEY_HEADER,
    SERVED,
    SLOT,
    SLOT_FILTER,
    STRAIGHT_SLOT_FILTER,
    UNREACHED_HEADER,
    UPLOAD_FILTER,
    WORKLOAD,
)

NOT_FOR_REPLICAS = (
    ROUTE_KEY_HEADER,
    INNER_HEADER,
    INTERNAL_HEADER,
    ARRIVAL_HEADER,
    ASKS_HEADER,
    UNREACHED_HEADER,
    *CLAIM_HEADERS.values(),
    "x-envoy-external-address",
)
"""The last is Envoy's own word for what `x-forwarded-for` says."""
_OFF = route_components_pb2.FilterConfig(disabled=True)
RETRIED = "connect-failure,refused-stream,reset-before-request"
"""Where no byte of the request reached a replica."""
TRIES = 1_000_000
"""As long as the time-out lets it: a replica that nobody reaches is gone, and will be replaced."""
LONGEST_PAUSE_SECONDS = 0.25
"""Between two of them."""
SLOT_TRIES = 2
"""Of a request that has a slot, on the same replica."""
NO_SLOT = "No slot on a replica could be had."
SMALL_BODY = "[0-9]{1,4}"
"""The length of a body that is there with its headers, or nearly: less than 10,000 bytes."""
LARGE_BODY = "[0-9]{5,}"
"""That of one which may take as long as it likes."""
BODILESS = "GET|HEAD|DELETE|OPTIONS"
_BY_TRY = "envoy.router.cluster_specifier_plugin.priority_group"
_REFRESH_CLUSTER_ON_RETRY = b"\x70\x01"
"""Of a retry policy: field 14, true. Envoy 1.40 knows it, and the Python of its API not yet."""


def scopes(route: Route) -> dict[str, scoped_route_pb2.ScopedRouteConfiguration]:
    """Every way into a workload, by the scope's name."""
    return {
        f"{way.name}|{key}": _scope(f"{way.name}|{key}", key, way.name)
        for way in ways(route)
        for key in way.keys
    }


def scope_names(route: Route) -> dict[str, str]:
    """The scope's name by its key."""
    return {key: f"{way.name}|{key}" for way in ways(route) for key in way.keys}


def route_configurations(
    route: Route, lent: Lent | None = None
) -> dict[str, route_pb2.RouteConfiguration]:
    """One for each way in, by name."""
    return {way.name: route_configuration(route, way, lent) for way in ways(route)}


def route_configuration(
    route: Route, way: Way, lent: Lent | None = None
) -> route_pb2.RouteConfiguration:
    """One answer for every key of a way: straight to a replica, or by an inner listener."""
    built = route_pb2.RouteConfiguration(name=way.name)
    host = built.virtual_hosts.add(name=way.name, domains=["*"])
    # A request that found its route by host needs no look at its path, nor at who calls where
    # everybody may, nor at slots where none are needed.
    unneeded = [ROUTE_KEY_FILTER, *(CALLER_FILTERS if is_public(way) else ())]
    if not is_limited(route, way):
        unneeded += [ARRIVAL_FILTER, LENT_SLOT_FILTER, STRAIGHT_SLOT_FILTER]
    _configure(host, dict.fromkeys(unneeded, _OFF))
    if is_limited(route, way):
        # First of all: it was found to be in order when it came.
        again = _add_route(host, [_present(UNREACHED_HEADER), _present(INNER_HEADER, False)])
        _lead_to_inner(again, route, way, is_new=False)
    if way.internal_only:
        outside = [_present(INNER_HEADER, False), _present(INTERNAL_HEADER, False)]
        _answer(_add_route(host, outside), 404, NOT_HERE)
    if route.unavailable is not None:
        built.max_direct_response_body_size_bytes.value = len(route.unavailable.encode()) + 1
        failed = _add_route(host, [])
        _answer(failed, 503, route.unavailable)
        _configure(failed, caller_filters(way.callers))
        return built
    if is_limited(route, way):
        _lead_to_slot(_add_route(host, [_present(INNER_HEADER)]), route, way)
    if not is_public(way):
        # Whose token was checked, which is then taken off.
        _add_at_inner(host, [_present(INNER_HEADER), _present(UNREACHED_HEADER)], route, way)
    at_inner = _add_at_inner(host, [_present(INNER_HEADER)], route, way)
    _configure(at_inner, caller_filters(way.callers))
    if is_limited(route, way):
        _add_straight_by_slot(host, route, way, lent)
    elif not is_held(route):
        for condition in _complete_soon():
            direct = _add_route(host, condition)
            _lead_to_replicas(direct, route, way)
            _configure(direct, {**caller_filters(way.callers), UPLOAD_FILTER: _OFF})
    _lead_to_inner(_add_route(host, []), route, way)
    return built


def _add_route(
    host: route_components_pb2.VirtualHost, headers: Sequence[route_components_pb2.HeaderMatcher]
) -> route_components_pb2.Route:
    built = host.routes.add(match=route_components_pb2.RouteMatch(prefix="/", headers=headers))
    built.metadata.filter_metadata[ROUTE_KEY_FILTER].update({SERVED: True})
    return built


def _configure(
    built: route_components_pb2.VirtualHost | route_components_pb2.Route,
    filters: Mapping[str, Message],
) -> None:
    for name, configuration in filters.items():
        built.typed_per_filter_config[name].CopyFrom(packed(configuration))


def _complete_soon() -> list[list[route_components_pb2.HeaderMatcher]]:
    """Conditions, one of which is enough: no body, or one that is there with its headers."""
    return [
        [_matches("content-length", SMALL_BODY)],
        [
            _matches(":method", BODILESS),
            _present("content-length", is_present=False),
            _present("transfer-encoding", is_present=False),
        ],
    ]


def _present(header: str, is_present: bool = True) -> route_components_pb2.HeaderMatcher:
    return route_components_pb2.HeaderMatcher(name=header, present_match=is_present)


def _matches(header: str, expression: str) -> route_components_pb2.HeaderMatcher:
    matcher = string_pb2.StringMatcher()
    matcher.safe_regex.regex = expression
    return route_components_pb2.HeaderMatcher(name=header, string_match=matcher)


def _answer(built: route_components_pb2.Route, status: int, message: str) -> None:
    built.direct_response.status = status
    built.direct_response.body.inline_string = message


def _add_at_inner(
    host: route_components_pb2.VirtualHost,
    condition: Sequence[route_components_pb2.HeaderMatcher],
    route: Route,
    way: Way,
) -> route_components_pb2.Route:
    built = _add_route(host, condition)
    if is_limited(route, way):
        # Whoever has no slot gets here only when the gate went while it was asked for one: the next
        # one is asked.
        _answer(built, 503, NO_SLOT)
        built.response_headers_to_add.append(set_header(UNREACHED_HEADER, "yes"))
    else:
        _lead_to_replicas(built, route, way)
    _configure(built, _waiting_filters(route, way))
    return built


def _add_straight_by_slot(
    host: route_components_pb2.VirtualHost, route: Route, way: Way, lent: Lent | None
) -> None:
    """For requests whose end is in sight: they ask for a slot where they came in, and wait there.
    Only one whose replica lets it not in takes a turn through an inner listener."""
    with_slot = _add_route(host, [])
    _lead_to_slot(with_slot, route, way)
    with_slot.metadata.filter_metadata[ROUTE_KEY_FILTER].update(
        {KEY: next(iter(way.keys), ""), WORKLOAD: route.workload_id}
    )
    action = with_slot.route
    by_try = action.inline_cluster_specifier_plugin.extension
    by_try.name = _BY_TRY
    first = slots_cluster_name(route.workload_id)
    by_try.typed_config.CopyFrom(packed(_by_try(first, again_cluster_name(way.protocol))))
    action.retry_policy.num_retries.value = 1
    action.retry_policy.MergeFromString(_REFRESH_CLUSTER_ON_RETRY)
    _configure(with_slot, caller_filters(way.callers))
    marks = [(condition, ASKS) for condition in _complete_soon()]
    marks.append(([_matches("content-length", LARGE_BODY)], ASKS_AT_LENGTH))
    for condition, mark in marks:
        # This is where it goes without a slot: when the gate went while it was asked for one.
        asking = _add_route(host, condition)
        _lead_to_inner(asking, route, way)
        asking.request_headers_to_add.append(set_header(UNREACHED_HEADER, "yes"))
        _configure(asking, {**caller_filters(way.callers), ARRIVAL_FILTER: _marked(route, mark)})
        if mark is ASKS:
            _configure(asking, {UPLOAD_FILTER: _OFF})
        if lent is not None:
            _configure(asking, {LENT_SLOT_FILTER: _said_of(lent, route)})


def _said_of(lent: Lent, route: Route) -> Message:
    """What is lent, as `envoy_module/lent_slots.h` wants to hear it."""
    milliseconds = max(1, round(limit_seconds(route) * 1000))
    name = quote(route.workload_id, safe="")
    lines = [f"{name} {lent.version} {lent.era} {int(lent.is_whole)} {milliseconds}"]
    lines += [f"{address} {count}" for address, count in lent.slots.items()]
    said = module_filter_pb2.DynamicModuleFilterPerRoute(
        dynamic_module_config=dynamic_modules_pb2.DynamicModuleConfig(**MODULE_CONFIGURATION),
    )
    said.filter_config.Pack(StringValue(value="\n".join(lines)))
    return said


def _by_try(first: str, second: str) -> typed_struct_pb2.TypedStruct:
    """The cluster of a request's first try, and that of its only other one. A structure of which
    Envoy makes its own message, since there is no Python for that."""
    groups = [
        {"name": name, "clusters": [{"cluster_name": name, "weight": 1}]}
        for name in (first, second)
    ]
    return ParseDict(
        {
            "typeUrl": "type.googleapis.com/envoy.extensions.router.cluster_specifiers"
            ".priority_group.v3.PriorityGroupClusterSpecifier",
            "value": {"priority_groups": groups},
        },
        typed_struct_pb2.TypedStruct(),
    )


def _marked(route: Route, mark: str) -> Message:
    marked = header_mutation_pb2.HeaderMutationPerRoute()
    for header in (_arrival(route), set_header(ASKS_HEADER, mark)):
        marked.mutations.request_mutations.add(append=header)
    return marked


def _lead_to_replicas(built: route_components_pb2.Route, route: Route, way: Way) -> None:
    built.request_headers_to_remove.extend(NOT_FOR_REPLICAS)
    action = built.route
    action.cluster = way.cluster
    # The whole answer may take as long as it likes: `timeout` off. But silence never lasts longer
    # than the limit, neither before its first byte nor later.
    action.timeout.SetInParent()
    action.idle_timeout.FromMicroseconds(int(limit_seconds(route) * 1e6))
    action.retry_policy.CopyFrom(_retries())


def _lead_to_slot(built: route_components_pb2.Route, route: Route, way: Way) -> None:
    """For requests with a slot, which were on another route when they came."""
    _lead_to_replicas(built, route, way)
    built.route.cluster = slots_cluster_name(route.workload_id)
    slot = built.match.dynamic_metadata.add(filter=SLOT_FILTER)
    slot.path.add(key=SLOT)
    slot.value.present_match = True
    built.response_headers_to_remove.append(UNREACHED_HEADER)
    policy = built.route.retry_policy
    policy.num_retries.value = SLOT_TRIES - 1
    policy.ClearField("retry_back_off")
    # It may go nowhere else; for a slot elsewhere the whole way is tried again.
    del policy.retry_host_predicate[:]
    policy.ClearField("host_selection_retry_max_attempts")


def _lead_to_inner(
    built: route_components_pb2.Route, route: Route, way: Way, *, is_new: bool = True
) -> None:
    if is_new:
        # Also where there is no limit: there may be one by the time the request goes on.
        built.request_headers_to_add.append(_arrival(route))
    built.response_headers_to_remove.append(UNREACHED_HEADER)
    action = built.route
    action.cluster = inner_cluster_name(limit_seconds(route), way.protocol)
    action.timeout.SetInParent()
    action.idle_timeout.SetInParent()
    action.retry_policy.retry_on = RETRIED
    if is_limited(route, way):
        action.retry_policy.retry_on += ",retriable-headers"
        action.retry_policy.retriable_headers.append(_present(UNREACHED_HEADER))
        action.retry_policy.num_retries.value = TRIES - 1
        action.retry_policy.retry_back_off.CopyFrom(_pauses())


def _arrival(route: Route) -> base_pb2.HeaderValueOption:
    workload_id = route.workload_id.replace("%", "%%")
    return set_header(ARRIVAL_HEADER, f"{ARRIVED} {workload_id}")


def _retries() -> route_components_pb2.RetryPolicy:
    policy = route_components_pb2.RetryPolicy(retry_on=RETRIED, host_selection_retry_max_attempts=5)
    policy.num_retries.value = TRIES - 1
    policy.retry_back_off.CopyFrom(_pauses())
    policy.retry_host_predicate.add(
        name="previous_hosts",
        typed_config=packed(previous_hosts_pb2.PreviousHostsPredicate()),
    )
    return policy


def _pauses() -> route_components_pb2.RetryPolicy.RetryBackOff:
    pauses = route_components_pb2.RetryPolicy.RetryBackOff()
    pauses.base_interval.FromMilliseconds(25)
    pauses.max_interval.FromMilliseconds(int(LONGEST_PAUSE_SECONDS * 1000))
    return pauses


def _waiting_filters(route: Route, way: Way) -> dict[str, Message]:
    hold = ext_authz_pb2.ExtAuthzPerRoute()
    if is_held(route) and not is_limited(route, way):
        hold.check_settings.context_extensions[WORKLOAD] = route.workload_id
    else:
        hold.disabled = True
    slot = ext_proc_pb2.ExtProcPerRoute()
    if is_limited(route, way):
        slot.overrides.SetInParent()
    else:
        slot.disabled = True
    return {HOLD_FILTER: hold, SLOT_FILTER: slot}


def _scope(name: str, key: str, configuration: str) -> scoped_route_pb2.ScopedRouteConfiguration:
    built = scoped_route_pb2.ScopedRouteConfiguration(
        name=name, route_configuration_name=configuration
    )
    built.key.fragments.add(string_key=key)
    return built
