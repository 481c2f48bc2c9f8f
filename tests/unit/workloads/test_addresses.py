"""Where workloads are reached, and which hosts they may ask for."""

from typing import Any

import pytest

from tests.unit.inferences.bodies import spec
from windlass.spec.hosts import host_of_url, reserved_because
from windlass.workloads.addresses import (
    Named,
    Places,
    claimed_addresses,
    connections_of,
    exposed_host,
    repeated_hosts,
    urls_of,
)
from windlass.workloads.inferences.desired import desired_of

INTERNAL = "http://127.0.0.1:9091"
PLACES = Places("http://10.0.0.1:8081", INTERNAL, "example.org", "10.0.0.1", "http://10.0.0.1:8081")
MODEL = Named("model", "vision")
EXPOSING: dict[str, Any] = {
    "ports": [
        {"container": 9000, "serviceType": "NodePort", "external": 30080},
        {"container": 9001, "serviceType": "ClusterIP"},
    ],
    "exposedUrls": [
        {"container": 9002, "url": "Tool.example.com"},
        {"container": 9003},
        {"container": 9004},
    ],
}


def test_each_way_in_has_its_url() -> None:
    assert urls_of(MODEL, desired_of(spec(**EXPOSING)), PLACES) == [
        "http://10.0.0.1:8081/vision/model/",
        "http://model-runai-vision.example.org:8081/",
        "http://10.0.0.1:30080/",
        "http://port-9001.model.runai-vision.svc.cluster.local:9091/",
        "http://tool.example.com:8081/",
        "http://vision-model.example.org:8081/",
        "http://vision-model-9004.example.org:8081/",
    ]


def test_each_way_in_from_outside_goes_by_tls_where_the_gateway_does() -> None:
    url = "https://a.example.org:8081"
    secure = Places(url, INTERNAL, "example.org", "0.0.0.0", url)
    assert urls_of(MODEL, desired_of(spec(**EXPOSING)), secure)[:5] == [
        "https://a.example.org:8081/vision/model/",
        "https://model-runai-vision.example.org:8081/",
        "https://a.example.org:30080/",
        "http://port-9001.model.runai-vision.svc.cluster.local:9091/",
        "https://tool.example.com:8081/",
    ]


@pytest.mark.parametrize("port", ["", ":8443"])
def test_what_is_in_front_of_the_gateway_is_shown_where_it_leads_there(port: str) -> None:
    url = f"https://models.example.com{port}"
    proxied = Places(url, INTERNAL, "example.org", "10.0.0.1", "http://10.0.0.1:8081")
    assert urls_of(MODEL, desired_of(spec(**EXPOSING)), proxied) == [
        f"{url}/vision/model/",
        f"https://model-runai-vision.example.org{port}/",
        "http://10.0.0.1:30080/",
        "http://port-9001.model.runai-vision.svc.cluster.local:9091/",
        f"https://tool.example.com{port}/",
        f"https://vision-model.example.org{port}/",
        f"https://vision-model-9004.example.org{port}/",
    ]


def test_what_is_internal_is_shown_at_the_internal_gateway() -> None:
    internal = desired_of(spec(servingPort={"container": 8000, "clusterLocalAccessOnly": True}))
    assert urls_of(MODEL, internal, PLACES) == [
        "http://127.0.0.1:9091/vision/model/",
        "http://model-runai-vision.example.org:9091/",
    ]


def test_names_that_fit_as_hosts_fit_with_a_port_too() -> None:
    longest = "a" * (63 - len("-runai-vision"))
    urls = [{"container": 1}, {"container": 65535}]
    exposures = desired_of(spec(exposedUrls=urls)).exposures
    hosts = [exposed_host(Named(longest, "vision"), each, "example.org") for each in exposures]
    assert max(len((host or "").partition(".")[0]) for host in hosts) <= 63


def test_what_is_made_of_the_workloads_own_name_alone_needs_no_claim() -> None:
    assert claimed_addresses(MODEL, desired_of(spec(**EXPOSING)), "example.org") == {
        "port/30080": "spec.ports[0].external",
        "tool.example.com": "spec.exposedUrls[0].url",
        "vision-model.example.org": "spec.exposedUrls[1].url",
        "vision-model-9004.example.org": "spec.exposedUrls[2].url",
    }
    assert claimed_addresses(MODEL, desired_of(spec()), "example.org") == {}


@pytest.mark.parametrize("first", [{"url": "Vision-Model.example.org:81"}, {}])
def test_a_host_asked_for_twice_is_found_whatever_its_form(first: dict[str, str]) -> None:
    urls = [
        {"container": 1, **first},
        {"container": 2, "url": "https://vision-model.example.org"},
        {"container": 3, "url": "other.example.org"},
    ]
    assert list(repeated_hosts(MODEL, desired_of(spec(exposedUrls=urls)), "example.org")) == [
        ("vision-model.example.org", "spec.exposedUrls[1].url", "spec.exposedUrls[0].url")
    ]
    assert not list(repeated_hosts(MODEL, desired_of(spec(**EXPOSING)), "example.org"))


def test_connections_say_who_may_use_them() -> None:
    desired = desired_of(
        spec(
            exposedUrls=[
                {"container": 1},
                {"container": 2, "authorizedUsers": ["a"]},
                {"container": 3, "authorizedGroups": ["b"]},
            ]
        )
    )
    shown = [
        {key: value for key, value in each.items() if key.startswith("authorized") or "Type" in key}
        for each in connections_of(MODEL, desired, PLACES)
    ]
    tool = {"toolType": "custom", "connectionType": "ExternalUrl"}
    assert shown == [
        {"toolType": "custom", "connectionType": "ServingPort", "authorizationType": "public"},
        {**tool, "authorizationType": "authenticatedUsers"},
        {**tool, "authorizationType": "authorizedUsersOrGroups", "authorizedUsers": ["a"]},
        {**tool, "authorizationType": "authorizedUsersOrGroups", "authorizedGroups": ["b"]},
    ]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("tool.example.org", "tool.example.org"),
        ("Tool.Example.ORG", "tool.example.org"),
        ("https://tool.example.org", "tool.example.org"),
        ("http://tool.example.org:8081/", "tool.example.org"),
    ],
)
def test_the_host_of_a_url_is_found(url: str, host: str) -> None:
    assert host_of_url(url) == host


@pytest.mark.parametrize(
    "url",
    [
        *("", "tool", "https://", "http://tool", "ftp://tool.example.org", "tool.example.org/path"),
        *("http://tool.example.org/?a=1", "http://me@tool.example.org", "tool_.example.org"),
        *("10.0.0.1", "http://[::1]:80", "a..b", f"{'a' * 64}.org", "tool.example.org:99999"),
        *("tool.example.org:x", "tööl.example.org", "a b.example.org", "-a.example.org"),
    ],
)
def test_what_has_no_host_that_requests_can_name_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must"):
        host_of_url(url)


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "localhost",
        "model-runai-vision.example.org",
        "port-1.model.runai-vision.svc.cluster.local",
    ],
)
def test_hosts_of_the_platform_itself_are_reserved(host: str) -> None:
    assert reserved_because(host, "example.org") is not None


@pytest.mark.parametrize("host", ["tool.example.org", "a-runai-b.example.com", "port/30080"])
def test_other_addresses_are_not(host: str) -> None:
    assert reserved_because(host, "example.org") is None
