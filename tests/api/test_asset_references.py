"""What assets and workloads may refer to: nothing that leads back, and nothing that one may not
see, which is answered like what is nowhere."""

from collections.abc import Callable
from graphlib import TopologicalSorter
from typing import Any

import httpx
import pytest

from tests.api.assets import (
    COMPUTE,
    CREDENTIALS,
    DATA_SOURCES,
    ENVIRONMENT,
    TEMPLATE,
    make,
    some_name,
    unit,
)
from tests.api.serving import INFERENCES, NOBODY, Api
from tests.api.test_environments import SERVED
from tests.api.test_templates import of

SPECS: dict[str, Any] = {
    COMPUTE: {},
    f"{CREDENTIALS}/access-key": {"accessKeyId": "k", "secretAccessKey": "s"},
    f"{CREDENTIALS}/password": {"user": "u", "password": "p"},
    f"{CREDENTIALS}/docker-registry": {"url": "https://r", "user": "u", "password": "p"},
    f"{CREDENTIALS}/generic-secret": {"keyValuePairs": [{"key": "k", "value": "v"}]},
    f"{CREDENTIALS}/ngc-api-key": {"ngc_api_key": "k"},
    f"{DATA_SOURCES}/git": {"repository": "r", "path": "/c"},
    f"{DATA_SOURCES}/s3": {"bucket": "b", "path": "/b", "url": "https://s"},
    f"{DATA_SOURCES}/nfs": {"path": "/x", "server": "n", "mountPath": "/n"},
    f"{DATA_SOURCES}/config-map": {"configMap": "c", "mountPath": "/c"},
    ENVIRONMENT: {"image": "host/canary", "connections": [SERVED]},
}
"""One of every kind that refers to nothing, by its path."""


def variable(asset_id: str) -> dict[str, Any]:
    return {"name": "V", "credential": {"assetId": asset_id, "key": "k"}}


def referring(environment: str) -> list[tuple[str, Callable[[str], dict[str, Any]]]]:
    """Every field by which an asset names another: the path of its kind, and its spec."""
    git, s3 = SPECS[f"{DATA_SOURCES}/git"], SPECS[f"{DATA_SOURCES}/s3"]
    return [
        (f"{DATA_SOURCES}/git", lambda i: {**git, "passwordAssetId": i}),
        (f"{DATA_SOURCES}/git", lambda i: {**git, "credentialId": i}),
        (f"{DATA_SOURCES}/s3", lambda i: {**s3, "accessKeyAssetId": i}),
        (f"{DATA_SOURCES}/secrets", lambda i: {"credentialAssetId": i, "mountPath": "/s"}),
        (ENVIRONMENT, lambda i: {**SPECS[ENVIRONMENT], "environmentVariables": [variable(i)]}),
        (TEMPLATE, lambda i: of(i)),
        (TEMPLATE, lambda i: of(environment, compute=i)),
        (TEMPLATE, lambda i: of(environment, datasources=[{"kind": "git", "id": i}])),
        (
            TEMPLATE,
            lambda i: {**of(environment), "specificEnv": {"environmentVariables": [variable(i)]}},
        ),
        (
            TEMPLATE,
            lambda i: {
                **of(environment),
                "distributed": {"master": {"assets": {"environment": i}}},
            },
        ),
    ]


def submitting(environment: str) -> list[Callable[[str], dict[str, Any]]]:
    """Every field by which a workload names an asset: what is beside name and place in its body."""
    run = {"assets": {"environment": environment}}
    return [
        lambda i: {"spec": {}, "assets": {"environment": i}},
        lambda i: {"spec": {}, "assets": {"environment": environment, "compute": i}},
        lambda i: {"spec": {}, "templateId": i},
        lambda i: {
            "spec": {"environmentVariables": [{"name": "V", "secret": {"name": i, "key": "k"}}]},
            **run,
        },
        lambda i: {
            "spec": {"environmentVariables": [{"name": "V", "configMap": {"name": i, "key": "k"}}]},
            **run,
        },
    ]


def test_no_chain_of_references_leads_back(api: Api) -> None:
    made = {path: make(api, path, spec)["meta"]["id"] for path, spec in SPECS.items()}
    made[TEMPLATE] = make(api, TEMPLATE, of(made[ENVIRONMENT]))["meta"]["id"]
    secret = made[f"{CREDENTIALS}/generic-secret"]
    spec = {"credentialAssetId": secret, "mountPath": "/s"}
    made[f"{DATA_SOURCES}/secrets"] = make(api, f"{DATA_SOURCES}/secrets", spec)["meta"]["id"]
    edges: dict[str, set[str]] = {path: set() for path in made}
    for path, spec_of in referring(made[ENVIRONMENT]):
        name = some_name()
        meta = {"name": name, "scope": "project", "projectId": int(api.context.tree.project_id)}
        for other, asset_id in made.items():
            body = {"meta": meta, "spec": spec_of(asset_id)}
            answer = api.ask("POST", path, json=body)
            assert answer.status_code in (202, 400), answer.text
            if answer.status_code == 202:
                edges[path].add(other)
                place = f"{path}/{answer.json()['meta']['id']}"
                itself = {**body, "spec": spec_of(answer.json()["meta"]["id"])}
                refused = api.ask("PUT", place, json=itself)
                assert refused.status_code == 400
                assert "there is no asset of kind" in refused.json()["message"]
                assert api.ask("DELETE", place).status_code in (202, 204)
        assert edges[path], f"{path} refers to something"
    assert list(TopologicalSorter(edges).static_order()), "it has no cycle"


@pytest.fixture
def hidden(api: Api) -> dict[str, list[str]]:
    """Of several kinds one in a project next door, and one of somebody else's own, by path."""
    places: list[dict[str, Any]] = [{"projectId": int(unit(api, "projects"))}, {"private": True}]
    found: dict[str, list[str]] = {}
    for path in (ENVIRONMENT, COMPUTE, f"{CREDENTIALS}/generic-secret", f"{CREDENTIALS}/password"):
        found[path] = [make(api, path, SPECS[path], **place)["meta"]["id"] for place in places]
    found[TEMPLATE] = [
        make(api, TEMPLATE, of(runs), **place)["meta"]["id"]
        for runs, place in zip(found[ENVIRONMENT], places, strict=True)
    ]
    return found


def test_what_one_may_not_see_is_answered_like_what_is_nowhere(
    api: Api, hidden: dict[str, list[str]]
) -> None:
    project = api.context.tree.project_id
    who = f"{some_name()}@example.org"
    api.give(who, 1, "project", project)
    headers = api.headers_of(who)
    seen = make(api, ENVIRONMENT, SPECS[ENVIRONMENT], "cluster")["meta"]["id"]
    ids = [asset_id for pair in hidden.values() for asset_id in pair]

    def asset(path: str, spec: dict[str, Any]) -> httpx.Response:
        meta = {"name": some_name(), "scope": "project", "projectId": int(project)}
        return api.ask("POST", path, headers=headers, json={"meta": meta, "spec": spec})

    def workload(fields: dict[str, Any]) -> httpx.Response:
        body = {**api.creation("refused"), **fields}
        return api.ask("POST", INFERENCES, headers=headers, json=body)

    def launched(template: str) -> httpx.Response:
        body = {key: value for key, value in api.creation("refused").items() if key != "spec"}
        return api.ask("POST", f"{TEMPLATE}/{template}/launch", headers=headers, json=body)

    asked: list[Callable[[str], httpx.Response]] = [launched]
    for path, spec_of in referring(seen):
        asked.append(lambda i, path=path, spec_of=spec_of: asset(path, spec_of(i)))  # type: ignore[misc]
    for fields_of in submitting(seen):
        asked.append(lambda i, fields_of=fields_of: workload(fields_of(i)))  # type: ignore[misc]
    for ask in asked:
        missing = ask(NOBODY)
        assert missing.status_code in (400, 404), missing.text
        told = missing.text.replace(NOBODY, "<id>")
        for asset_id in ids:
            answer = ask(asset_id)
            assert answer.status_code == missing.status_code, answer.text
            assert answer.text.replace(asset_id, "<id>") == told
