"""What is known of assets that are gone, and for how long."""

import time

from sqlalchemy import select

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
from tests.api.serving import Api
from windlass.assets.retention import remove_old_assets
from windlass.assets.tables import asset, asset_reference
from windlass.workloads.asset_use import WorkloadsByAsset
from windlass.workloads.housekeeping import remove_old_records

VIEWER = 4
DAYS = 90.0
DAY_SECONDS = 86_400.0


def delete(api: Api, made: dict[str, object], path: str) -> None:
    assert api.ask("DELETE", place_of(made, path)).status_code in (202, 204)


def on_record(api: Api, *assets: dict[str, dict[str, str]]) -> list[bool]:
    """Whether the store has a record of each."""
    ids = [made["meta"]["id"] for made in assets]
    with api.database.read() as connection:
        found = connection.execute(select(asset.c.id).where(asset.c.id.in_(ids))).scalars().all()
    return [asset_id in found for asset_id in ids]


def clean_up(api: Api, days_from_now: float) -> None:
    """Remove what the platform would, that many days from now."""
    now = time.time() + days_from_now * DAY_SECONDS
    remove_old_assets(api.database, WorkloadsByAsset({}), now, DAYS)


def test_whoever_could_read_an_asset_is_told_what_became_of_it(api: Api) -> None:
    made = make(api, COMPUTE, {}, scope="project")
    delete(api, made, COMPUTE)
    place, by = place_of(made, COMPUTE), made["meta"]["createdBy"]
    for method in ("GET", "DELETE"):
        told = api.ask(method, place)
        assert told.status_code == 404
        beginning = f"The compute resource '{made['meta']['name']}' is gone: deleted by {by}, at 2"
        assert told.json()["message"].startswith(beginning)
    stranger = f"{some_name()}@example.org"
    api.give(stranger, VIEWER, "project", unit(api, "projects"))
    hidden = api.ask("GET", place, headers=api.headers_of(stranger))
    assert hidden.status_code == 404
    assert hidden.json()["message"].startswith("There is no compute resource with the id")
    assert "There is no" in api.ask("GET", place_of(made, ENVIRONMENT)).json()["message"]


def test_why_one_went_with_its_project_is_told(api: Api) -> None:
    project = unit(api, "projects")
    made = make(api, COMPUTE, {}, projectId=int(project))
    assert api.ask("DELETE", f"/api/v1/org-unit/projects/{project}").status_code == 204
    told = api.ask("GET", place_of(made, COMPUTE)).json()["message"]
    assert "is gone: deleted with the unit that it was in, at 2" in told


def test_a_record_is_kept_for_as_long_as_is_set(api: Api) -> None:
    gone, there = make(api, COMPUTE, {}), make(api, COMPUTE, {})
    delete(api, gone, COMPUTE)
    clean_up(api, DAYS - 1)
    assert on_record(api, gone, there) == [True, True]
    clean_up(api, DAYS + 1)
    assert on_record(api, gone, there) == [False, True]
    told = api.ask("GET", place_of(gone, COMPUTE)).json()["message"]
    assert told.startswith("There is no compute resource")


def test_what_a_template_names_is_kept_with_it(api: Api) -> None:
    size = make(api, COMPUTE, {})
    runs = make(api, ENVIRONMENT, {"image": "host/canary"})
    assets = {"environment": runs["meta"]["id"], "compute": size["meta"]["id"]}
    template = make(api, TEMPLATE, {"assets": assets})
    delete(api, size, COMPUTE)
    clean_up(api, DAYS + 1)
    assert on_record(api, size) == [True]
    shown = api.get(place_of(template, TEMPLATE))["spec"]["assets"]["compute"]
    assert shown == {"id": size["meta"]["id"], "name": size["meta"]["name"]}
    delete(api, template, TEMPLATE)
    clean_up(api, DAYS + 1)
    assert on_record(api, template, size, runs) == [False, False, True]
    with api.database.read() as connection:
        kept = select(asset_reference).where(asset_reference.c.asset_id == template["meta"]["id"])
        assert connection.execute(kept).all() == []


def test_what_a_workload_on_record_was_made_from_is_kept_with_it(api: Api) -> None:
    size = make(api, COMPUTE, {"cpuCoreRequest": 0.1})
    secret = make(
        api, f"{CREDENTIALS}/generic-secret", {"keyValuePairs": [{"key": "K", "value": "v"}]}
    )
    created = api.post(api.creation(some_name("w"), assets={"compute": size["meta"]["id"]}))
    assert created.status_code == 202, created.text
    for made, path in ((size, COMPUTE), (secret, f"{CREDENTIALS}/generic-secret")):
        delete(api, made, path)
    clean_up(api, DAYS + 1)
    assert on_record(api, size, secret) == [True, False]
    api.finish_deletion(created.json()["workloadId"])
    clean_up(api, DAYS + 1)
    assert on_record(api, size) == [True]
    remove_old_records(api.database, time.time() + 15 * DAY_SECONDS)
    clean_up(api, DAYS + 1)
    assert on_record(api, size) == [False]
