"""Credentials over HTTP: kept sealed, never shown."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from tests.api.answers import refusal
from tests.api.assets import CREDENTIALS, DATA_SOURCES, ask_for, make, place_of, some_name
from tests.api.serving import Api
from windlass.assets.tables import asset
from windlass.audit.tables import audit_record

SECRET = "s3cr3t-and-nobodys-business"
SPECS: dict[str, dict[str, Any]] = {
    "access-key": {"accessKeyId": "windlass", "secretAccessKey": SECRET},
    "password": {"user": "ada", "password": SECRET},
    "docker-registry": {"url": "https://r.example.org", "user": "ada", "password": SECRET},
    "generic-secret": {"keyValuePairs": [{"key": "TOKEN", "value": SECRET}]},
    "ngc-api-key": {"ngc_api_key": SECRET},
}
SHOWN: dict[str, dict[str, Any]] = {
    "access-key": {"accessKeyId": "windlass"},
    "password": {"user": "ada"},
    "docker-registry": {"url": "https://r.example.org", "user": "ada"},
    "generic-secret": {"keyValuePairs": [{"key": "TOKEN"}]},
    "ngc-api-key": {},
}
EVERY = pytest.mark.parametrize("kind", list(SPECS))


@EVERY
def test_a_secret_is_never_shown_nor_stored_in_the_clear(api: Api, kind: str) -> None:
    path = f"{CREDENTIALS}/{kind}"
    answer = ask_for(api, path, SPECS[kind], description="first")
    assert answer.status_code == 202, answer.text
    made = answer.json()
    shown = {**SHOWN[kind], "keyId": made["spec"]["keyId"]}
    assert made["spec"] == shown
    assert made["spec"]["keyId"] >= 1
    body = {"meta": {"description": "second"}}
    changed = api.ask("PUT", place_of(made, path), json=body)
    assert changed.status_code == 202, changed.text
    assert changed.json()["spec"] == shown
    assert changed.json()["meta"]["description"] == "second"
    assert changed.json()["meta"]["name"] == made["meta"]["name"]
    listed = [
        api.ask("GET", place_of(made, path)),
        api.ask("GET", path, params={"usageInfo": "true", "statusInfo": "true"}),
        api.ask("GET", CREDENTIALS),
    ]
    for told in (answer, changed, *listed):
        assert SECRET not in told.text
    with api.database.read() as connection:
        row = connection.execute(select(asset).where(asset.c.id == made["meta"]["id"])).one()
        records = connection.execute(select(audit_record)).all()
    assert SECRET not in str(row._mapping)
    assert SECRET not in str([record._mapping for record in records])
    opened = json.loads(api.context.foundation.seal.open(row.sealed_secrets))
    assert list(opened.values()) == [SECRET]
    gone = api.ask("DELETE", place_of(made, path))
    assert gone.status_code == (204 if kind in ("generic-secret", "ngc-api-key") else 202)
    with api.database.read() as connection:
        kept = select(asset.c.sealed_secrets).where(asset.c.id == made["meta"]["id"])
        assert connection.execute(kept).scalar_one() is None


@EVERY
def test_a_secret_is_not_told_in_errors(api: Api, kind: str) -> None:
    spec = {**SPECS[kind], "existingSecretName": 7}
    answer = ask_for(api, f"{CREDENTIALS}/{kind}", spec, name="")
    assert answer.status_code == 400
    assert SECRET not in answer.text


@EVERY
def test_the_same_values_again_are_no_update(api: Api, kind: str) -> None:
    path = f"{CREDENTIALS}/{kind}"
    made = make(api, path, SPECS[kind], description="first")
    body = {"meta": {"name": made["meta"]["name"], "description": "first"}, "spec": SPECS[kind]}
    assert api.ask("PUT", place_of(made, path), json=body).json() == made
    text = json.dumps(body)
    for old, new in ((SECRET, "another"), ("first", "second")):
        text = text.replace(old, new)
        changed = api.ask("PUT", place_of(made, path), json=json.loads(text)).json()
        assert changed["meta"]["updateCount"] > made["meta"]["updateCount"]
        assert api.ask("PUT", place_of(made, path), json=json.loads(text)).json() == changed


@EVERY
def test_new_values_take_the_place_of_old_ones(api: Api, kind: str) -> None:
    path = f"{CREDENTIALS}/{kind}"
    made = make(api, path, SPECS[kind])
    spec = json.loads(json.dumps(SPECS[kind]).replace(SECRET, "another"))
    changed = api.ask("PUT", place_of(made, path), json={"meta": {}, "spec": spec})
    assert changed.status_code == 202, changed.text
    with api.database.read() as connection:
        row = connection.execute(select(asset).where(asset.c.id == made["meta"]["id"])).one()
    assert list(json.loads(api.context.foundation.seal.open(row.sealed_secrets)).values()) == [
        "another"
    ]


def test_credentials_of_every_kind_are_listed_together(api: Api) -> None:
    ids = {
        make(api, f"{CREDENTIALS}/{kind}", spec)["meta"]["id"]: kind for kind, spec in SPECS.items()
    }
    entries = api.get(CREDENTIALS, assetIds=",".join(ids))["entries"]
    specs = {ids[entry["meta"]["id"]]: entry["spec"] for entry in entries}
    assert set(specs) == set(SPECS)
    assert set(specs["docker-registry"]) == {"dockerRegistry"}
    assert specs["generic-secret"]["genericSecret"]["keyValuePairs"] == [{"key": "TOKEN"}]


@pytest.mark.parametrize(
    ("kind", "spec", "message"),
    [
        ("password", {"user": "ada"}, "spec.password: is required"),
        (
            "password",
            {"existingSecretName": "s", "user": "ada"},
            "spec.user: must not be given together",
        ),
        ("docker-registry", {"user": "ada", "password": "x"}, "spec.url: is required"),
        ("generic-secret", {"keyValuePairs": []}, "spec.keyValuePairs: must not be empty"),
        ("generic-secret", {"keyValuePairs": [{"key": "a b", "value": ""}]}, "spec.keyValue"),
        ("generic-secret", {"keyValuePairs": [{"key": "a"}]}, "spec.keyValuePairs[0].value: is"),
        (
            "generic-secret",
            {"keyValuePairs": [{"key": "a", "value": ""}, {"key": "a", "value": ""}]},
            "spec.keyValuePairs[1].key: is given twice",
        ),
        ("ngc-api-key", {}, "spec.ngc_api_key: is required"),
        ("ngc-api-key", {"ngc_api_key": "a b"}, "spec.ngc_api_key: must have only"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(
    api: Api, kind: str, spec: Any, message: str
) -> None:
    assert refusal(ask_for(api, f"{CREDENTIALS}/{kind}", spec)).startswith(message)


def test_a_credential_stays_while_another_asset_refers_to_it(api: Api) -> None:
    path = f"{CREDENTIALS}/password"
    made = make(api, path, SPECS["password"], "cluster")
    spec = {
        "repository": "https://git.example.org/code",
        "path": "/code",
        "passwordAssetId": made["meta"]["id"],
    }
    source = make(api, f"{DATA_SOURCES}/git", spec)
    message = refusal(api.ask("DELETE", place_of(made, path)), 412)
    assert f"is used by git {source['meta']['name']}" in message
    used = api.get(place_of(made, path), usageInfo="true")["usedBy"]["assets"]["datasources"]
    name = source["meta"]["name"]
    assert used == [{"id": source["meta"]["id"], "name": name, "kind": "git"}]
    assert api.ask("DELETE", place_of(source, f"{DATA_SOURCES}/git")).status_code == 202
    assert api.ask("DELETE", place_of(made, path)).status_code == 202


def test_an_asset_refers_to_what_is_seen_from_its_scope(api: Api) -> None:
    made = make(api, f"{CREDENTIALS}/password", SPECS["password"], "project")
    spec = {"repository": "r", "path": "/code", "passwordAssetId": made["meta"]["id"]}
    told = refusal(ask_for(api, f"{DATA_SOURCES}/git", spec, "cluster"))
    assert told.startswith("spec.passwordAssetId: there is no asset of kind password")
    wrong_kind = make(api, f"{CREDENTIALS}/access-key", SPECS["access-key"], "tenant")
    spec["passwordAssetId"] = wrong_kind["meta"]["id"]
    assert "there is no asset" in refusal(ask_for(api, f"{DATA_SOURCES}/git", spec))


def test_an_unknown_name_is_not_a_clash_with_another_kind(api: Api) -> None:
    name = some_name()
    for kind, spec in SPECS.items():
        make(api, f"{CREDENTIALS}/{kind}", spec, name=name)
