"""What ports and URLs ask for beside the serving port."""

from typing import Any

import pytest

from tests.unit.inferences.bodies import body, problems, rule_errors, spec
from windlass.gateway.gateway import EVERYONE, Access, Callers, ReplicaProtocol
from windlass.kit.errors import Conflict
from windlass.spec.exposure import ExposureKind
from windlass.workloads.inferences.desired import desired_of
from windlass.workloads.inferences.node_ports import lacks_node_ports, with_node_ports

SIGNED_IN = Callers(Access.AUTHENTICATED)


def exposed(**fields: Any) -> list[tuple[ExposureKind, int, Callers]]:
    return [
        (each.kind, each.container, each.callers) for each in desired_of(spec(**fields)).exposures
    ]


def test_services_are_open_and_urls_are_for_whoever_is_signed_in() -> None:
    assert exposed(
        ports=[
            {"container": 9000, "serviceType": "ClusterIP"},
            {"container": 9001, "serviceType": "NodePort", "external": 30000},
        ],
        exposedUrls=[{"container": 9000}, {"container": 9002, "authorizedUsers": ["ann"]}],
    ) == [
        (ExposureKind.INTERNAL, 9000, EVERYONE),
        (ExposureKind.NODE_PORT, 9001, EVERYONE),
        (ExposureKind.URL, 9000, SIGNED_IN),
        (ExposureKind.URL, 9002, Callers(Access.AUTHORIZED, ("ann",))),
    ]


def test_a_service_of_the_serving_port_is_no_way_around_its_callers() -> None:
    closed = {"container": 8000, "authorizationType": "authenticatedUsers"}
    found = exposed(servingPort=closed, ports=[{"container": 8000, "serviceType": "ClusterIP"}])
    assert found == [(ExposureKind.INTERNAL, 8000, SIGNED_IN)]


def test_replicas_get_each_further_port_once() -> None:
    template = desired_of(
        spec(
            ports=[
                {"container": 9001, "serviceType": "ClusterIP"},
                {"container": 8000, "serviceType": "ClusterIP"},
            ],
            exposedUrls=[{"container": 9001}, {"container": 9000}, {"container": 8000}],
        )
    ).template
    assert template.additional_ports == (9000, 9001)


def test_lists_of_callers_go_to_the_gateway() -> None:
    access = {"authorizationType": "authorizedUsersOrGroups", "authorizedGroups": ["b", "a"]}
    desired = desired_of(spec(servingPort={"container": 8000, **access}))
    assert desired.callers == Callers(Access.AUTHORIZED, groups=("b", "a"))


def test_grpc_and_internal_ports_are_told_to_the_gateway() -> None:
    port = {"container": 8000, "protocol": "grpc", "clusterLocalAccessOnly": True}
    desired = desired_of(spec(servingPort=port))
    assert (desired.protocol, desired.internal_only) == (ReplicaProtocol.GRPC, True)
    plain = desired_of(spec())
    assert (plain.protocol, plain.internal_only) == (ReplicaProtocol.HTTP, False)


@pytest.mark.parametrize(
    ("url", "field"),
    [
        ({"authorizationType": "authorizedUsers"}, "authorizedUsers"),
        ({"authorizationType": "authorizedGroups"}, "authorizedGroups"),
        ({"authorizationType": "authenticatedUsers", "authorizedUsers": ["a"]}, "authorizedUsers"),
        (
            {
                "authorizationType": "authorizedUsers",
                "authorizedUsers": ["a"],
                "authorizedGroups": ["b"],
            },
            "authorizedGroups",
        ),
        ({"authorizedUsers": ["a"], "authorizedGroups": ["b"]}, "authorizedGroups"),
        ({"authorizedUsers": ["a", ""]}, "authorizedUsers[1]"),
        ({"url": "no-host"}, "url"),
    ],
)
def test_urls_that_contradict_themselves_are_refused(url: dict[str, Any], field: str) -> None:
    assert list(rule_errors(exposedUrls=[{"container": 80, **url}])) == [f"exposedUrls[0].{field}"]


def test_each_service_type_is_honoured_or_refused_with_the_cure() -> None:
    def told(service_type: str, **fields: Any) -> dict[str, str]:
        return problems(body(ports=[{"container": 80, "serviceType": service_type, **fields}]))

    assert told("ClusterIP") == {}
    assert told("NodePort") == {}
    assert told("NodePort", external=30000) == {}
    assert "use NodePort" in told("LoadBalancer")["spec.ports[0].serviceType"]
    assert "must be left out" in told("ClusterIP", external=30000)["spec.ports[0].external"]


def test_node_ports_without_a_number_get_one_that_is_free() -> None:
    taken = set(range(30000, 32767)) - {30001, 30002}
    asked = spec(
        ports=[
            {"container": 1, "serviceType": "NodePort"},
            {"container": 2, "serviceType": "NodePort", "external": 30001},
            {"container": 3, "serviceType": "NodePort"},
            {"container": 4, "serviceType": "ClusterIP"},
        ]
    )
    assert lacks_node_ports(asked)
    given = with_node_ports(asked, taken)
    numbers = [port["external"] for port in given.submitted()["ports"] if "external" in port]
    assert sorted(numbers) == [30001, 30002, 32767]
    assert not lacks_node_ports(given)
    with pytest.raises(Conflict, match=r"spec\.ports\[\d\]\.external"):
        with_node_ports(asked, taken | {32767})
