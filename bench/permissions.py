"""What the permission check adds to a GET for a user with 200 access rules.

The same API over the same store, once as it is and once with a check that lets everything pass.
"""

import tempfile
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from bench.api_process import ApiProcess, Store, make_store, serving
from bench.load import run_load
from bench.measuring import Report, interleaved, median_ratio
from bench.records import fill
from windlass.identity.access_rules import add_rule
from windlass.identity.permissions import Permissions, Scopes
from windlass.identity.tokens import Caller

RULES = 200
WORKLOADS = 1000
SECONDS = 4.0
PAIRS = 9
USER = "bench@example.org"
_VIEWER = 4


def main() -> None:
    """Measure and report."""
    report = Report(
        "permissions",
        {
            "store": f"SQLite, WAL, synchronous=FULL, {WORKLOADS:,} workloads",
            "access rules": f"{RULES}, each for another project",
            "connections": 8,
            "API": "one process on core 0, 16 threads; load on core 1",
        },
    )
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(Path(folder, "store"))
        workload = fill(store, WORKLOADS)
        _give_rules(store)
        caller = Caller("bench", USER, "user", store.context.tree.tenant_id)
        with (
            serving(store, 0, caller=caller) as checked,
            serving(store.elsewhere(), 0, caller=caller, first=_check_nothing) as unchecked,
        ):
            for name, path in {
                "a workload": f"/api/v1/workloads/inferences/{workload}",
                "the first page": "/api/v1/workloads?limit=50",
            }.items():
                subjects = [partial(_seconds, api, path) for api in (checked, unchecked)]
                times = interleaved(subjects, PAIRS)
                report.add(f"{name}: checked", sorted(times[0])[PAIRS // 2] * 1e6, "µs")
                report.add(f"{name}: unchecked", sorted(times[1])[PAIRS // 2] * 1e6, "µs")
                ratio = median_ratio(times[0], times[1])
                report.add(f"{name}: ratio", ratio, "times", "<= 1.1")
    report.finish()


def _seconds(api: ApiProcess, path: str) -> float:
    """What a request takes of the one core."""
    load = run_load(f"{api.url}{path}", SECONDS, 8, api.headers, [1])
    if load.failed:
        raise AssertionError(f"{load.failed} requests to {path} failed")
    return 1 / load.per_second


def _give_rules(store: Store) -> None:
    tree = store.context.tree
    above = f"/{tree.tenant_id}/{tree.cluster_id}/{tree.department_id}"
    projects = [str(int(tree.project_id) + number) for number in range(RULES)]

    def write(connection: Connection) -> None:
        for project in projects:
            add_rule(
                connection,
                {
                    "tenant_id": tree.tenant_id,
                    "subject_type": "user",
                    "subject_id": USER,
                    "role_id": _VIEWER,
                    "scope_type": "project",
                    "scope_id": project,
                    "scope_name": project,
                    "scope_path": f"{above}/{project}",
                    "created_at": 0.0,
                    "updated_at": 0.0,
                    "created_by": "bench",
                },
            )

    database = store.open()
    database.write(write)
    database.close()


def _check_nothing() -> None:
    everywhere = Scopes(frozenset({""}))
    Permissions.require = lambda *_, **__: None  # type: ignore[method-assign]
    Permissions.scopes = lambda *_, **__: everywhere  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
