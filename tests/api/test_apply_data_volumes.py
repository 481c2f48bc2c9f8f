"""Data volumes as files: `windlass apply`, `get` and `delete`."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.api.assets import DATA_SOURCES, ENVIRONMENT, make, some_name, unit
from tests.api.data_volumes import CLAIM, VOLUMES
from tests.api.serving import Api
from tests.api.test_apply import Typed, told, typed
from windlass.cli import applying
from windlass.cli.applying import NoSuchAsset

__all__ = ["typed"]
KIND = "data-volume"
ROOT = Path(__file__).parent.parent.parent


def document(api: Api, **spec: Any) -> dict[str, Any]:
    claim = make(api, f"{DATA_SOURCES}/pvc", CLAIM)["meta"]["name"]
    meta = {"name": some_name("v"), "project": "default"}
    return {"kind": KIND, "meta": meta, "spec": {"originPvcName": claim, **spec}}


def shown(api: Api, of: dict[str, Any]) -> list[dict[str, Any]]:
    name = of["meta"]["name"]
    found = api.get(VOLUMES, requestType="Originated", filterBy=f"name=={name}")["datavolumes"]
    return [api.get(f"{VOLUMES}/{entry['id']}") for entry in found]


def shared_with(api: Api, of: dict[str, Any]) -> set[tuple[str, str]]:
    (volume,) = shown(api, of)
    return {(each["scopeType"], each["scopeId"]) for each in volume["sharedScopes"]}


def test_what_the_page_tells_is_applied(typed: Typed) -> None:
    page = (ROOT / "docs" / "data-volumes.md").read_text()
    told_there = page.partition("<<'END'\n")[2].partition("\nEND\n")[0]
    # The first tree has its own names.
    for there, here in (("vision", "default"), ("research", "default")):
        told_there = told_there.replace(there, here)
    claim, volume = yaml.safe_load_all(told_there.replace("weights", some_name("w")))
    status, out, error = typed.apply(claim, volume)
    assert (status, error) == (0, "")
    assert out == told(claim, "is created.") + told(volume, "is created.")
    department = ("department", typed.api.context.tree.department_id)
    assert shared_with(typed.api, volume) == {department}


def test_one_is_made_changed_and_removed(typed: Typed) -> None:
    api = typed.api
    project = unit(api, "projects")
    name = api.get(f"/api/v1/org-unit/projects/{project}")["name"]
    wanted = document(api, sharedScopes=[{"project": name}, {"department": "default"}])
    unchecked = "  spec.sharedScopes: not checked by the platform\n"
    rehearsed = told(wanted, "would be created.") + unchecked
    assert typed.apply(wanted, dry_run=True) == (0, rehearsed, "")
    assert shown(api, wanted) == []
    assert typed.apply(wanted) == (0, told(wanted, "is created."), "")
    both = {("project", project), ("department", api.context.tree.department_id)}
    assert shared_with(api, wanted) == both
    assert typed.apply(wanted) == (0, told(wanted, "is as it should be."), "")
    exported = typed.exported(KIND, wanted["meta"]["name"])
    assert exported["spec"] == {
        **wanted["spec"],
        "sharedScopes": [{"department": "default"}, {"project": name}],
    }
    assert typed.apply(exported) == (0, told(wanted, "is as it should be."), "")

    wanted["spec"]["sharedScopes"] = [{"scopeType": "project", "scopeId": project}]
    wanted["meta"]["description"] = "all weights"
    assert "spec.sharedScopes: " in typed.apply(wanted, dry_run=True)[1]
    assert shared_with(api, wanted) == both
    assert typed.apply(wanted) == (0, told(wanted, "is changed."), "")
    assert shared_with(api, wanted) == {("project", project)}
    assert shown(api, wanted)[0]["description"] == "all weights"
    del wanted["spec"]["sharedScopes"]
    assert typed.apply(wanted) == (0, told(wanted, "is changed."), "")
    assert shared_with(api, wanted) == set()
    assert typed.apply(wanted) == (0, told(wanted, "is as it should be."), "")

    names = [wanted["meta"]["name"]]
    assert applying.run_delete(Path("any"), KIND, names, project="default") == 0
    assert typed.printed()[0] == told(wanted, "is gone.")
    with pytest.raises(NoSuchAsset):
        applying.run_delete(Path("any"), KIND, names, project=None)


def test_a_rehearsal_is_refused_as_the_creation_would_be(typed: Typed) -> None:
    wanted = document(typed.api)
    wanted["spec"]["originPvcName"] = "of-nobody"
    problem = "there is no volume claim 'of-nobody'"
    for dry_run, words in ((True, "would be refused"), (False, "was refused")):
        status, out, error = typed.apply(wanted, dry_run=dry_run)
        assert (status, out) == (1, "")
        assert f"{wanted['meta']['name']} {words}: " in error
        assert problem in error


def test_a_rehearsal_tells_where_a_claim_of_the_same_file_keeps_it_from_being_checked(
    typed: Typed,
) -> None:
    page = (ROOT / "docs" / "data-volumes.md").read_text()
    text = page.partition("<<'END'\n")[2].partition("\nEND\n")[0]
    for there in ("vision", "research"):
        text = text.replace(there, "default")
    claim, volume = yaml.safe_load_all(text.replace("weights", some_name("w")))
    status, out, error = typed.apply(claim, volume, dry_run=True)
    assert (status, error) == (0, "")
    refers = f"it refers to pvc {claim['meta']['name']}, which is not there yet"
    assert out.endswith(
        told(volume, "would be created.") + f"  not checked by the platform: {refers}\n"
    )


def test_what_is_refused_leaves_nothing_half_done(typed: Typed) -> None:
    api = typed.api
    wanted = document(api, sharedScopes=[{"scopeType": "project", "scopeId": "4599999"}])
    status, out, error = typed.apply(wanted)
    assert (status, out) == (1, "")
    assert "add[0].scopeId: there is no project" in error
    assert shown(api, wanted) == []
    shares, wanted["spec"]["sharedScopes"] = wanted["spec"]["sharedScopes"], []
    wanted["meta"]["description"] = "first"
    assert typed.apply(wanted)[0] == 0
    changed = {**wanted, "spec": {**wanted["spec"], "sharedScopes": shares}}
    changed["meta"] = {**wanted["meta"], "description": "second"}
    assert typed.apply(changed)[0] == 1
    assert shown(api, wanted)[0]["description"] == "first"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"spec": {"sharedScopes": ["all"]}}, "spec.sharedScopes: 'all' is no scope"),
        ({"spec": {"sharedScopes": {"project": "default"}}}, "spec.sharedScopes: must be a list"),
        ({"spec": {"sharedScopes": [{"project": "x y"}]}}, "spec.sharedScopes.project: there is"),
        ({"meta": {"scope": "tenant"}}, "meta.project: is required"),
        ({"meta": {"private": True}}, "meta.private: is nothing that a data volume has"),
    ],
)
def test_what_is_wrong_is_said(
    typed: Typed, change: dict[str, dict[str, Any]], problem: str
) -> None:
    meta = {"name": some_name("v"), "project": "default", **change.get("meta", {})}
    if "scope" in meta:
        del meta["project"]
    spec = {"originPvcName": "any", **change.get("spec", {})}
    status, out, error = typed.apply({"kind": KIND, "meta": meta, "spec": spec})
    assert (status, out) == (1, "")
    assert f"{KIND} {meta['name']} was refused: {problem}" in error


def test_what_cannot_be_changed_is_said_before_anything_is_written(typed: Typed) -> None:
    wanted = document(typed.api)
    assert typed.apply(wanted)[0] == 0
    other = {**wanted, "spec": {"originPvcName": "other"}}
    for dry_run in (True, False):
        status, _, error = typed.apply(other, dry_run=dry_run)
        assert status == 1
        assert "spec.originPvcName" in error
        assert "cannot be changed of what is there" in error


def test_a_template_names_one_by_its_name(typed: Typed) -> None:
    api = typed.api
    wanted = document(api)
    runs = make(api, ENVIRONMENT, {"image": "host/canary"})["meta"]["name"]
    source = {"kind": KIND, "name": wanted["meta"]["name"]}
    template: dict[str, Any] = {
        "kind": "workload-template",
        "meta": {"name": some_name(), "project": "default"},
        "spec": {"assets": {"environment": runs, "datasources": [source]}},
    }
    rehearsed = typed.apply(wanted, template, dry_run=True)
    assert rehearsed[0] == 0, rehearsed
    status, _, error = typed.apply(wanted, template)
    assert status == 0, error
    exported = typed.exported("workload-template", template["meta"]["name"])
    assert exported["spec"]["assets"]["datasources"] == [source]
    assert typed.apply(exported) == (0, told(template, "is as it should be."), "")
