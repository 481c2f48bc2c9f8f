"""Assets that are deleted while others begin to use them: nothing ever refers to nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from tests.api.assets import COMPUTE, ENVIRONMENT, TEMPLATE, make, place, place_of, some_name
from tests.api.launching import RUNS, body
from tests.api.serving import Api
from tests.api.test_templates import of
from windlass.assets import service as assets
from windlass.assets.deletion import delete_asset
from windlass.assets.tables import asset, asset_reference
from windlass.workloads.asset_use import record_use
from windlass.workloads.inferences import creation as inferences
from windlass.workloads.tables import workload_asset

ROUNDS = 6
Steps = list[tuple[str, str]]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """What was deleted and what was begun to be used, in the order in which it was done."""
    seen: Steps = []

    def delete(connection: Any, asset_id: str, *words: Any) -> None:
        delete_asset(connection, asset_id, *words)
        seen.append(("deleted", asset_id))

    def use(connection: Any, workload_id: str, *words: Any) -> None:
        record_use(connection, workload_id, *words)
        seen.append(("used", workload_id))

    monkeypatch.setattr(assets, "delete_asset", delete)
    monkeypatch.setattr(inferences, "record_use", use)
    return seen


def at_once(tasks: list[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    with ThreadPoolExecutor(len(tasks)) as threads:
        return [task.result() for task in [threads.submit(task) for task in tasks]]


def test_nothing_is_deleted_under_what_begins_to_use_it(api: Api, steps: Steps) -> None:
    launched: list[str] = []
    outcomes = set()
    for _ in range(ROUNDS):
        environment, compute = make(api, ENVIRONMENT, RUNS), make(api, COMPUTE, {})
        spec = of(environment["meta"]["id"], compute=compute["meta"]["id"])
        template = make(api, TEMPLATE, spec)
        again = {"meta": {"name": template["meta"]["name"]}, "spec": spec}

        def launch(made: dict[str, Any] = template) -> httpx.Response:
            return api.ask("POST", f"{place_of(made, TEMPLATE)}/launch", json=body(api))

        def create(spec: dict[str, Any] = spec) -> httpx.Response:
            return api.post(api.creation(some_name("w"), {}, assets=spec["assets"]))

        def refer(spec: dict[str, Any] = spec) -> httpx.Response:
            meta = {"name": some_name(), **place(api, "project")}
            return api.ask("POST", TEMPLATE, json={"meta": meta, "spec": spec})

        def change(made: dict[str, Any] = template, again: Any = again) -> httpx.Response:
            return api.ask("PUT", place_of(made, TEMPLATE), json=again)

        def remove(made: dict[str, Any], path: str) -> Callable[[], httpx.Response]:
            return lambda: api.ask("DELETE", place_of(made, path))

        answers = at_once(
            [
                launch,
                create,
                remove(compute, COMPUTE),
                launch,
                refer,
                remove(template, TEMPLATE),
                change,
                remove(environment, ENVIRONMENT),
                launch,
                create,
            ]
        )
        for answer in answers:
            assert answer.status_code in (202, 400, 404, 409), answer.text
            outcomes.add(answer.status_code)
            made = answer.json() if answer.status_code == 202 else {}
            launched += [made["workloadId"]] if "workloadId" in made else []
    assert outcomes >= {202, 400} or outcomes >= {202, 404}, "nothing got into the other's way"
    check_uses(api, steps, launched)
    check_references(api)


def check_uses(api: Api, steps: Steps, launched: list[str]) -> None:
    """Every workload's assets were there when it was recorded as using them."""
    with api.database.read() as connection:
        rows = connection.execute(
            select(workload_asset.c.workload_id, asset.c.id, asset.c.deleted_at).join(
                asset, asset.c.id == workload_asset.c.asset_id
            )
        ).all()
    uses = [row for row in rows if row.workload_id in launched]
    assert {row.workload_id for row in uses} == set(launched)
    order = {step: number for number, step in enumerate(steps)}
    for row in uses:
        if row.deleted_at is not None:
            assert order["used", row.workload_id] < order["deleted", row.id]


def check_references(api: Api) -> None:
    """No template that is there refers to an environment that is not."""
    inner, outer = asset.alias("inner"), asset.alias("outer")
    dangling = (
        select(outer.c.name, inner.c.name)
        .join(asset_reference, asset_reference.c.asset_id == outer.c.id)
        .join(inner, inner.c.id == asset_reference.c.refers_to)
        .where(
            outer.c.deleted_at.is_(None),
            inner.c.deleted_at.is_not(None),
            inner.c.kind == "environment",
        )
    )
    with api.database.read() as connection:
        assert connection.execute(dangling).all() == []
