"""`windlass apply` and `get` against the API: what is changed of what is there, what stays,
and what cannot be changed."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from tests.api.assets import COMPUTE, CREDENTIALS, place_of, some_name
from tests.api.serving import Api
from windlass.assets.tables import asset
from windlass.cli import applying
from windlass.client import Client

SECRET = "s3cr3t-and-nobodys-business"
CREDENTIAL_SPECS: dict[str, dict[str, Any]] = {
    "accessKey": {"accessKeyId": "windlass", "secretAccessKey": SECRET},
    "password": {"user": "ada", "password": SECRET},
    "dockerRegistry": {"url": "https://r.example.org", "user": "ada", "password": SECRET},
    "genericSecret": {
        "keyValuePairs": [{"key": "TOKEN", "value": SECRET}, {"key": "OTHER", "value": SECRET}]
    },
    "ngcApiKey": {"ngc_api_key": SECRET},
}
LOGGED = re.compile(r"\d{4}-\d\d-\d\d ")
EVERY = pytest.mark.parametrize("kind", list(CREDENTIAL_SPECS))


@dataclass(frozen=True)
class SignedIn:
    """The administrator's token, without asking for another."""

    api: Api

    def token(self, _exchange: Any, *, fresh: bool) -> tuple[str, float]:
        assert not fresh
        return self.api.headers["Authorization"].removeprefix("Bearer "), 3600.0


class Typed:
    """What is typed, and what it says."""

    def __init__(self, api: Api, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.api = api
        self._file = folder / "documents.yaml"
        self._capsys = capsys

    def apply(self, *documents: dict[str, Any], dry_run: bool = False) -> tuple[int, str, str]:
        """The exit status, and both outputs."""
        self._file.write_text(yaml.safe_dump_all(documents))
        status = applying.run_apply(Path("any"), [self._file], dry_run=dry_run)
        return (status, *self.printed())

    def exported(self, kind: str, name: str) -> dict[str, Any]:
        applying.run_get(Path("any"), kind, [name], project=None, output="yaml")
        document: dict[str, Any] = yaml.safe_load(self.printed()[0])
        return document

    def printed(self) -> tuple[str, str]:
        """Both outputs, without the log of the API, which is in this process."""
        out, error = self._capsys.readouterr()
        return "".join(line for line in out.splitlines(True) if not LOGGED.match(line)), error


@pytest.fixture
def typed(
    api: Api,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Typed:
    monkeypatch.setattr(applying, "client_of", lambda _: Client(api.context.api_url, SignedIn(api)))
    return Typed(api, tmp_path, capsys)


def document(kind: str, spec: Any, **meta: Any) -> dict[str, Any]:
    return {"kind": kind, "meta": {"name": some_name(), "scope": "tenant", **meta}, "spec": spec}


def told(of: dict[str, Any], words: str) -> str:
    return f"{of['kind']} {of['meta']['name']} {words}\n"


def record_of(api: Api, of: dict[str, Any]) -> tuple[Any, dict[str, str]]:
    """The row of an asset, and its secrets."""
    query = select(asset).where(asset.c.name == of["meta"]["name"], asset.c.kind == of["kind"])
    with api.database.read() as connection:
        row = connection.execute(query).one()
    return row, json.loads(api.context.foundation.seal.open(row.sealed_secrets))


@EVERY
def test_a_credential_that_is_applied_again_is_as_it_should_be(typed: Typed, kind: str) -> None:
    wanted = document(kind, CREDENTIAL_SPECS[kind])
    assert typed.apply(wanted) == (0, told(wanted, "is created."), "")
    first = record_of(typed.api, wanted)
    assert typed.apply(wanted) == (0, told(wanted, "is as it should be."), "")
    assert record_of(typed.api, wanted) == first


@EVERY
def test_a_rehearsal_says_that_a_secret_cannot_be_compared(typed: Typed, kind: str) -> None:
    wanted = document(kind, CREDENTIAL_SPECS[kind])
    typed.apply(wanted)
    first = record_of(typed.api, wanted)
    wanted["spec"] = json.loads(json.dumps(wanted["spec"]).replace(SECRET, "another"))
    status, out, _ = typed.apply(wanted, dry_run=True)
    assert (status, out.splitlines()[0]) == (0, told(wanted, "would be written anew.").strip())
    assert ": cannot be compared, because it is never shown" in out
    assert "another" not in out
    assert record_of(typed.api, wanted) == first
    assert typed.apply(wanted) == (0, told(wanted, "is changed."), "")
    assert set(record_of(typed.api, wanted)[1].values()) == {"another"}


def test_a_rehearsal_is_refused_as_the_creation_would_be(typed: Typed) -> None:
    good = document("compute", {"cpuCoreRequest": 1})
    bad = document("compute", {"cpuCoreRequest": -1})
    kept = typed.api.get(COMPUTE)
    status, out, refused = typed.apply(good, bad, dry_run=True)
    assert (status, out) == (1, told(good, "would be created."))
    assert f"compute {bad['meta']['name']} would be refused: spec.cpuCoreRequest: " in refused
    assert typed.api.get(COMPUTE) == kept
    assert typed.apply(bad)[2] == refused.replace("would be refused", "was refused")
    assert typed.apply(good)[0] == 0
    good["spec"] = bad["spec"]
    status, out, refused = typed.apply(good, dry_run=True)
    assert (status, out) == (1, "")
    assert f"compute {good['meta']['name']} would be refused: spec.cpuCoreRequest: " in refused


def test_a_rehearsal_tells_what_another_document_keeps_from_being_checked(typed: Typed) -> None:
    runs = document("environment", {"image": "host/canary"})
    template = document("workload-template", {"assets": {"environment": runs["meta"]["name"]}})
    status, out, _ = typed.apply(runs, template, dry_run=True)
    assert (status, out) == (
        0,
        told(runs, "would be created.")
        + told(template, "would be created.")
        + "  not checked by the platform: it refers to another document, which is not there yet\n",
    )


def test_no_secret_is_found_by_rehearsing(typed: Typed) -> None:
    wanted = document("password", CREDENTIAL_SPECS["password"])
    typed.apply(wanted)
    row, _ = record_of(typed.api, wanted)
    answers = []
    for guess in (SECRET, "another"):
        body = {"meta": {"name": row.name}, "spec": {**wanted["spec"], "password": guess}}
        place = f"{CREDENTIALS}/password/{row.id}"
        answer = typed.api.ask("PUT", place, json=body, params={"dryRun": "true"})
        assert answer.status_code == 200
        shown = answer.json()
        del shown["meta"]["updatedAt"]
        answers.append(shown)
    assert answers[0] == answers[1]
    assert record_of(typed.api, wanted)[0] == row


@EVERY
def test_an_exported_credential_leaves_its_secret_as_it_is(typed: Typed, kind: str) -> None:
    wanted = document(kind, CREDENTIAL_SPECS[kind], description="first")
    typed.apply(wanted)
    first = record_of(typed.api, wanted)
    exported = typed.exported(kind, wanted["meta"]["name"])
    assert SECRET not in str(exported)
    stays = told(wanted, "is as it should be. Its secret is not in the file, and stays.")
    for dry_run in (True, False):
        assert typed.apply(exported, dry_run=dry_run) == (0, stays, "")
    assert record_of(typed.api, wanted) == first

    exported["meta"]["description"] = "second"
    assert typed.apply(exported) == (0, told(wanted, "is changed."), "")
    row, secrets = record_of(typed.api, wanted)
    assert (row.description, secrets) == ("second", first[1])


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        ("accessKey", {"accessKeyId": "other"}, "accessKeyId: 'windlass' → 'other'"),
        ("password", {"user": "bob"}, "give password"),
        ("dockerRegistry", {"url": "https://evil.example.org", "user": "ada"}, "give password"),
        ("genericSecret", {"keyValuePairs": [{"key": "TOKEN"}]}, "give keyValuePairs"),
        (
            "genericSecret",
            {"keyValuePairs": [{"key": "TOKEN", "value": "a"}, {"key": "OTHER"}]},
            "spec.keyValuePairs[1].value: is missing",
        ),
    ],
)
def test_a_secret_is_not_kept_for_what_is_otherwise(
    typed: Typed, kind: str, spec: Any, words: str
) -> None:
    wanted = document(kind, CREDENTIAL_SPECS[kind])
    typed.apply(wanted)
    first = record_of(typed.api, wanted)
    for dry_run in (True, False):
        status, out, error = typed.apply({**wanted, "spec": spec}, dry_run=dry_run)
        assert (status, out) == (1, "")
        assert words in error
    assert record_of(typed.api, wanted) == first


def test_what_no_update_changes_is_said_before_anything_is_written(typed: Typed) -> None:
    wanted = document("compute", {"cpuCoreRequest": 1}, workloadSupportedTypes={"inference": True})
    other = document("compute", {"cpuCoreRequest": 1})
    typed.apply(wanted, other)
    shown = typed.api.get(COMPUTE, name=wanted["meta"]["name"])
    changed = json.loads(json.dumps(wanted))
    changed["meta"]["workloadSupportedTypes"] = {"training": True}
    changed["spec"] = other["spec"] = {"cpuCoreRequest": 2}
    for dry_run, done in ((True, "would be changed."), (False, "is changed.")):
        status, out, error = typed.apply(changed, other, dry_run=dry_run)
        assert status == 1
        assert "meta.workloadSupportedTypes: cannot be changed" in error
        assert f"windlass delete {wanted['meta']['name']} --kind compute" in error
        assert out.startswith(told(other, done))
    assert typed.api.get(COMPUTE, name=wanted["meta"]["name"]) == shown
    assert typed.apply(wanted) == (0, told(wanted, "is as it should be."), "")
    assert typed.apply(typed.exported("compute", wanted["meta"]["name"]))[0] == 0


def test_a_claim_is_mounted_elsewhere_and_stays_what_it_is(typed: Typed) -> None:
    spec = {"path": "/data", "existingPvc": True, "claimName": "claim"}
    wanted = document("pvc", spec)
    assert typed.apply(wanted)[0] == 0
    status, _, error = typed.apply({**wanted, "spec": {**spec, "claimName": "other"}})
    assert status == 1
    assert "spec.claimName: 'claim' → 'other': cannot be changed of what is there" in error
    elsewhere = {**wanted, "spec": {**spec, "path": "/elsewhere"}}
    for done in ("is changed.", "is as it should be."):
        assert typed.apply(elsewhere) == (0, told(wanted, done), "")


def test_what_is_exported_applies_again_without_a_difference(typed: Typed) -> None:
    mounted = {"path": "/x", "mountPath": "/data"}
    wanted = [
        document("compute", {"cpuCoreRequest": 0.5}, description="half a core"),
        document(
            "environment", {"image": "host/canary"}, workloadSupportedTypes={"training": False}
        ),
        document("nfs", {**mounted, "server": "nfs.example.org", "readOnly": True}),
        document("hostPath", mounted, private=True),
        document("git", {"repository": "https://git.example.org/code", "path": "/code"}),
        document("s3", {"bucket": "models", "path": "/models", "url": "https://s3.example.org"}),
        document("config-map", {"configMap": "settings", "mountPath": "/etc/x"}, autoDelete=True),
    ]
    runs, code = wanted[1]["meta"]["name"], {"kind": "git", "name": wanted[4]["meta"]["name"]}
    assets = {"environment": runs, "datasources": [code]}
    wanted.append(document("workload-template", {"assets": assets}))
    status, out, _ = typed.apply(*wanted)
    assert (status, out.count("is created.")) == (0, len(wanted))
    exported = [typed.exported(each["kind"], each["meta"]["name"]) for each in wanted]
    same = "".join(told(each, "is as it should be.") for each in wanted)
    for documents in (wanted, exported):
        for dry_run in (True, False):
            assert typed.apply(*documents, dry_run=dry_run) == (0, same, "")


def test_a_credential_is_removed(typed: Typed) -> None:
    wanted = document("password", CREDENTIAL_SPECS["password"])
    typed.apply(wanted)
    typed.printed()
    [made] = typed.api.get(f"{CREDENTIALS}/password", name=wanted["meta"]["name"])["entries"]
    applying.run_delete(Path("any"), "password", [wanted["meta"]["name"]], project=None)
    assert typed.printed()[0] == told(wanted, "is gone.")
    place = place_of(made, f"{CREDENTIALS}/password")
    assert typed.api.ask("GET", place).status_code == 404
