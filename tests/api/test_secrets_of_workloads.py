"""What workloads may read of credentials and configuration maps."""

from typing import Any

import pytest

from tests.api.answers import refusal
from tests.api.assets import CREDENTIALS, DATA_SOURCES, make, place_of, some_name, unit
from tests.api.serving import SPEC, Api

GENERIC = f"{CREDENTIALS}/generic-secret"
CONFIG_MAP = f"{DATA_SOURCES}/config-map"
PAIRS = {"keyValuePairs": [{"key": "token", "value": "s3cr3t"}]}


def submit(api: Api, **source: Any) -> Any:
    spec = {**SPEC, "environmentVariables": [{"name": "READ", **source}]}
    return api.post(api.creation(some_name("w"), spec))


def secret(name: str, key: str = "token") -> dict[str, Any]:
    return {"secret": {"name": name, "key": key}}


def test_a_secret_is_read_by_its_name_and_by_its_id(api: Api) -> None:
    made = make(api, GENERIC, PAIRS, "cluster")
    for name in (made["meta"]["name"], made["meta"]["id"]):
        answer = submit(api, **secret(name))
        assert answer.status_code == 202, answer.text
        assert "s3cr3t" not in answer.text
    used = api.get(place_of(made, GENERIC), usageInfo="true")["usedBy"]["inferences"]
    assert len(used) == 2


def test_what_is_read_stays_until_its_last_reader_is_gone(api: Api) -> None:
    credential = make(api, GENERIC, PAIRS)
    settings = make(api, CONFIG_MAP, {"configMap": some_name("m"), "data": {"pool": "small"}})
    name = settings["spec"]["configMap"]
    first = submit(api, **secret(credential["meta"]["name"]))
    second = submit(api, configMap={"name": name, "key": "pool"})
    assert (first.status_code, second.status_code) == (202, 202), second.text
    assert api.ask("DELETE", place_of(credential, GENERIC)).status_code == 412
    refused = api.ask("DELETE", place_of(settings, CONFIG_MAP))
    assert refused.status_code == 409
    assert second.json()["name"] in refused.json()["message"]
    for created in (first, second):
        api.finish_deletion(created.json()["workloadId"])
    assert api.ask("DELETE", place_of(credential, GENERIC)).status_code == 204
    assert api.ask("DELETE", place_of(settings, CONFIG_MAP)).status_code == 202


def test_what_cannot_be_read_is_refused_where_it_is_named(api: Api) -> None:
    place = "spec.environmentVariables[0]"
    made = make(api, GENERIC, PAIRS)
    named = made["meta"]["name"]
    beside = make(api, GENERIC, PAIRS, projectId=int(unit(api, "projects")))["meta"]["name"]
    elsewhere = make(api, GENERIC, {"existingSecretName": "of-kubernetes"})["meta"]["name"]
    plain = make(api, CONFIG_MAP, {"configMap": some_name("m")})["spec"]["configMap"]
    for name in ("nobody", beside):
        assert refusal(submit(api, **secret(name))) == (
            f"{place}.secret: there is no credential '{name}' that can be used in this project"
        )
    assert refusal(submit(api, **secret(named, "other"))).endswith("has no key 'other'")
    assert "in Kubernetes, which is not there" in refusal(submit(api, **secret(elsewhere)))
    told = refusal(submit(api, configMap={"name": plain, "key": "pool"}))
    assert told.startswith(f"{place}.configMap: the configuration map")
    own = submit(api, userCredential={"name": named, "key": "token"})
    assert "there is no credential" in refusal(own)
    assert "of your own" in refusal(own)


def test_nobody_reads_anothers_own_credential(api: Api) -> None:
    made = make(api, GENERIC, PAIRS, "tenant", private=True)
    name, key = made["meta"]["name"], {"key": "token"}
    assert submit(api, userCredential={"name": name, **key}).status_code == 202
    api.give("guest@example.org", 1, "tenant", str(api.context.tree.tenant_id))
    variable = {"name": "READ", "userCredential": {"name": name, **key}}
    spec = {**SPEC, "environmentVariables": [variable]}
    body = api.creation(some_name("w"), spec)
    headers = api.headers_of("guest@example.org")
    answer = api.ask("POST", "/api/v1/workloads/inferences", headers=headers, json=body)
    assert "there is no credential" in refusal(answer)


@pytest.mark.parametrize("field", ["value", "secret"])
def test_a_workload_made_from_an_environment_reads_its_credentials(api: Api, field: str) -> None:
    made = make(api, GENERIC, PAIRS, "cluster")
    credential = {"assetId": made["meta"]["id"], "key": "token"}
    environment = make(
        api,
        "/api/v1/asset/environment",
        {"image": "host/canary", "environmentVariables": [{"name": "T", "credential": credential}]},
    )
    spec: dict[str, Any] = {"servingPort": {"container": 8000}}
    if field == "value":
        spec["environmentVariables"] = [{"name": "T", "value": "plain"}]
    assets = {"environment": environment["meta"]["id"]}
    created = api.create(some_name("w"), spec, assets=assets)
    [variable] = created["spec"]["environmentVariables"]
    assert set(variable) == {"name", field}
    used = api.get(place_of(made, GENERIC), usageInfo="true")["usedBy"]
    assert [use["id"] for use in used["inferences"]] == (
        [created["workloadId"]] if field == "secret" else []
    )
    assert [item["id"] for item in used["assets"]["environments"]] == [environment["meta"]["id"]]
