"""Of what uses an asset, callers are told what they may see, and how much else there is."""

from typing import Any

from tests.api.assets import (
    COMPUTE,
    CREDENTIALS,
    ENVIRONMENT,
    TEMPLATE,
    make,
    place_of,
    some_name,
    unit,
)
from tests.api.serving import SPEC, Api

GENERIC = f"{CREDENTIALS}/generic-secret"
ENVIRONMENT_ADMINISTRATOR, L1_RESEARCHER, CREDENTIALS_ADMINISTRATOR = 10, 7, 14


def headers_of(api: Api, role: int, scope: str, scope_id: str) -> dict[str, str]:
    who = f"{some_name()}@example.org"
    api.give(who, role, scope, scope_id)
    return api.headers_of(who)


def test_templates_that_one_may_not_see_are_counted_and_not_named(api: Api) -> None:
    runs = make(api, ENVIRONMENT, {"image": "host/canary"}, "cluster")
    spec = {"assets": {"environment": runs["meta"]["id"]}}
    shown = make(api, TEMPLATE, spec)["meta"]["name"]
    hidden = make(api, TEMPLATE, spec, private=True)["meta"]["name"]
    place = place_of(runs, ENVIRONMENT)
    cluster = api.context.tree.cluster_id
    headers = headers_of(api, ENVIRONMENT_ADMINISTRATOR, "cluster", cluster)

    refused = api.ask("DELETE", place, headers=headers)
    assert refused.status_code == 409
    told = refused.json()["message"]
    assert f"is used by workload-template {shown} and 1 that you may not see." in told
    assert hidden not in refused.text
    assert used_by(api, place, headers)["templates"] == [shown]
    assert used_by(api, place)["templates"] == sorted([shown, hidden])
    assert hidden in api.ask("DELETE", place).json()["message"]


def test_workloads_that_one_may_not_see_are_counted_and_not_named(api: Api) -> None:
    pairs = {"keyValuePairs": [{"key": "token", "value": "s3cr3t"}]}
    secret = make(api, GENERIC, pairs, "cluster")
    variable = {"name": "READ", "secret": {"name": secret["meta"]["id"], "key": "token"}}
    readers = [
        api.create(some_name("w"), {**SPEC, "environmentVariables": [variable]}) for _ in range(2)
    ]
    cluster = api.context.tree.cluster_id
    headers = headers_of(api, CREDENTIALS_ADMINISTRATOR, "cluster", cluster)
    refused = api.ask("DELETE", place_of(secret, GENERIC), headers=headers)
    assert refused.status_code == 412
    assert "is used by 2 that you may not see." in refused.json()["message"]
    assert not [each["name"] for each in readers if each["name"] in refused.text]


def test_the_use_of_what_is_shared_tells_nothing_of_other_projects(api: Api) -> None:
    size = make(api, COMPUTE, {"cpuCoreRequest": 0.1}, "cluster")
    foreign = api.create(some_name("w"), assets={"compute": size["meta"]["id"]})
    own = unit(api, "projects")
    mine = api.create(some_name("w"), projectId=own, assets={"compute": size["meta"]["id"]})
    headers = headers_of(api, L1_RESEARCHER, "project", own)
    place = place_of(size, COMPUTE)
    assert used_by(api, place, headers)["inferences"] == [mine["name"]]
    assert used_by(api, place)["inferences"] == sorted([mine["name"], foreign["name"]])
    listed = api.ask("GET", COMPUTE, headers=headers, params={"usageInfo": "true"}).text
    assert mine["name"] in listed
    assert foreign["name"] not in listed


def used_by(api: Api, place: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """The names of what uses an asset, by kind."""
    shown = api.ask("GET", place, headers=headers, params={"usageInfo": "true"}).json()["usedBy"]
    return {kind: [use["name"] for use in uses] for kind, uses in shown.items() if kind != "assets"}
