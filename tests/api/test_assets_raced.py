"""Assets deleted and changed while they begin to be used: nothing ever refers to nothing."""

import random
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import select

from tests.api.assets import COMPUTE, CREDENTIALS, DATA_SOURCES, ask_for, make, place_of, some_name
from tests.api.serving import SPEC, Api
from windlass.assets.tables import asset, asset_reference
from windlass.workloads.tables import workload, workload_asset

SECRETS = f"{CREDENTIALS}/generic-secret"
PASSWORDS = f"{CREDENTIALS}/password"
GIT = f"{DATA_SOURCES}/git"
PAIRS = {"keyValuePairs": [{"key": "token", "value": "x"}]}
ROUNDS = 8


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    """What each comes to, begun at the same moment."""
    barrier = threading.Barrier(len(deeds))
    results: list[Any] = [None] * len(deeds)

    def run(index: int) -> None:
        barrier.wait()
        results[index] = deeds[index]()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(deeds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_workload_never_reads_a_secret_that_is_gone(api: Api) -> None:
    outcomes = set()
    for _ in range(ROUNDS):
        made = make(api, SECRETS, PAIRS)
        source = {"name": made["meta"]["name"], "key": "token"}
        spec = {**SPEC, "environmentVariables": [{"name": "T", "secret": source}]}
        bodies = [api.creation(some_name("race"), spec) for _ in range(2)]
        deeds = [partial(api.post, body) for body in bodies]
        deeds.append(partial(api.ask, "DELETE", place_of(made, SECRETS)))
        random.shuffle(deeds)
        statuses = sorted(answer.status_code for answer in at_once(*deeds))
        assert set(statuses) <= {202, 204, 400, 412}
        deleted, created = 204 in statuses, 202 in statuses
        assert deleted != created, statuses
        outcomes.add(deleted)
    check(api)
    assert outcomes, "each round ended one way or the other"


def test_an_asset_never_refers_to_one_that_is_gone(api: Api) -> None:
    for _ in range(ROUNDS):
        made = make(api, PASSWORDS, {"user": "u", "password": "p"})
        spec = {"repository": "r", "path": "/c", "passwordAssetId": made["meta"]["id"]}
        created, deleted = at_once(
            partial(ask_for, api, GIT, spec),
            partial(api.ask, "DELETE", place_of(made, PASSWORDS)),
        )
        statuses = [created.status_code, deleted.status_code]
        assert statuses in ([202, 412], [400, 202]), statuses
    check(api)


def test_a_workload_has_one_version_of_what_is_changed_and_deleted(api: Api) -> None:
    for _ in range(ROUNDS):
        old = {"cpuCoreRequest": 0.1, "cpuMemoryRequest": "10M"}
        new = {"cpuCoreRequest": 0.2, "cpuMemoryRequest": "20M"}
        made = make(api, COMPUTE, old)
        body = api.creation(some_name("race"), assets={"compute": made["meta"]["id"]})
        change = {"meta": {"name": made["meta"]["name"]}, "spec": new}
        created, changed, deleted = at_once(
            partial(api.post, body),
            partial(api.ask, "PUT", place_of(made, COMPUTE), json=change),
            partial(api.ask, "DELETE", place_of(made, COMPUTE)),
        )
        assert deleted.status_code == 202
        assert changed.status_code in (202, 404)
        assert created.status_code in (202, 400), created.text
        if created.status_code == 202:
            assert created.json()["spec"]["compute"] in (old, new)
    check(api)


def test_a_name_is_given_once(api: Api) -> None:
    scopes = ("tenant", "cluster", "department", "project")
    for _ in range(ROUNDS):
        name = some_name("race")
        answers = at_once(
            *(partial(ask_for, api, COMPUTE, {}, scope, name=name) for scope in scopes)
        )
        statuses = [answer.status_code for answer in answers]
        assert sorted(statuses) == [202, 409, 409, 409]


def check(api: Api) -> None:
    """Fail unless all that is used is there, or was copied when it was."""
    read_at_start = ("genericSecret", "password", "accessKey", "dockerRegistry", "config-map")
    with api.database.read() as connection:
        gone = asset.c.deleted_at.is_not(None)
        # A template keeps the name of a compute resource that is gone; other tests see to that.
        dangling = connection.execute(
            select(asset.c.id, asset_reference.c.asset_id)
            .join(asset_reference, asset_reference.c.refers_to == asset.c.id)
            .where(gone, asset.c.kind != "compute", asset_reference.c.asset_id.in_(_living()))
        ).all()
        unread = connection.execute(
            select(asset.c.name, workload.c.name)
            .join(workload_asset, workload_asset.c.asset_id == asset.c.id)
            .join(workload, workload.c.id == workload_asset.c.workload_id)
            .where(gone, workload.c.deleted_at.is_(None), asset.c.kind.in_(read_at_start))
        ).all()
    assert dangling == []
    assert unread == []


def _living() -> Any:
    return select(asset.c.id).where(asset.c.deleted_at.is_(None))
