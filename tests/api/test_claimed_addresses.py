"""Hosts and ports that only one workload may have."""

from typing import Any

import pytest

from tests.api.serving import INFERENCES, SPEC, WORKLOADS, Api

NODE_PORT = {"container": 9000, "serviceType": "NodePort"}


def asking(**fields: Any) -> dict[str, Any]:
    return {**SPEC, **fields}


def at(url: str) -> dict[str, Any]:
    return asking(exposedUrls=[{"container": 9000, "url": url}])


@pytest.mark.parametrize(
    ("name", "spec", "told"),
    [
        ("claimed-host", at("tool.example.com"), "spec.exposedUrls[0].url: tool.example.com"),
        (
            "claimed-port",
            asking(ports=[{**NODE_PORT, "external": 31999}]),
            "spec.ports[0].external: 31999",
        ),
    ],
)
def test_what_one_has_another_cannot_get_until_it_is_gone(
    api: Api, name: str, spec: dict[str, Any], told: str
) -> None:
    created = api.create(name, spec)
    refused = api.post(api.creation(f"{name}-2", spec))
    assert refused.status_code == 409
    assert refused.json()["message"].startswith(f"{told} is taken by Inference {name!r}")
    assert created["workloadId"] in refused.json()["message"]
    assert api.get(WORKLOADS, filterBy=f"name=={name}-2")["workloads"] == []


def test_the_form_of_an_address_does_not_matter(api: Api) -> None:
    api.create("other-form", at("https://Form.example.com/"))
    assert api.post(api.creation("other-form-2", at("form.example.com:8081"))).status_code == 409


def test_urls_made_of_names_may_clash_too(api: Api) -> None:
    project = api.context.tree.project_name
    made = asking(exposedUrls=[{"container": 9000}])
    api.create("clash", made)
    domain = api.context.settings.domain
    refused = api.post(api.creation("clash-2", at(f"{project}-clash.{domain}")))
    assert refused.status_code == 409


@pytest.mark.parametrize("host", ["model-runai-{project}.{domain}", "{domain}"])
def test_the_platforms_own_hosts_are_refused(api: Api, host: str) -> None:
    context = api.context
    own = host.format(project=context.tree.project_name, domain=context.settings.domain)
    refused = api.post(api.creation("own-host", at(own)))
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("spec.exposedUrls[0].url: must not be")


def test_a_chosen_node_port_is_shown_and_each_gets_its_own(api: Api) -> None:
    spec = asking(ports=[NODE_PORT, {**NODE_PORT, "container": 9001}])
    chosen = [
        port["external"]
        for name in ("chosen-1", "chosen-2")
        for port in api.create(name, spec)["spec"]["ports"]
    ]
    assert len(set(chosen)) == 4
    assert all(30000 <= port <= 32767 for port in chosen)
    (listed,) = api.get(WORKLOADS, filterBy="name==chosen-1")["workloads"]
    assert any(url.endswith(f":{chosen[0]}/") for url in listed["urls"])
    shown = api.get(f"{INFERENCES}/{listed['id']}")["spec"]["ports"]
    assert [port["external"] for port in shown] == chosen[:2]


def test_a_taken_name_is_still_said_to_be_that(api: Api) -> None:
    api.create("named-twice", asking(ports=[NODE_PORT]))
    refused = api.post(api.creation("named-twice", asking(ports=[NODE_PORT])))
    assert refused.status_code == 409
    assert refused.json()["message"].startswith("name: 'named-twice' is taken")


@pytest.mark.parametrize("dry_run", [{}, {"dryRun": "true"}])
def test_two_ports_of_one_workload_cannot_have_one_host(api: Api, dry_run: dict[str, str]) -> None:
    project, domain = api.context.tree.project_name, api.context.settings.domain
    own = {"container": 9001, "url": f"https://{project}-one-host.{domain}"}
    spec = asking(exposedUrls=[{"container": 9000}, own])
    body = api.creation("one-host", spec)
    refused = api.ask("POST", INFERENCES, json=body, params=dry_run)
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("spec.exposedUrls[1].url: must not be")
    assert "spec.exposedUrls[0].url" in refused.json()["message"]
