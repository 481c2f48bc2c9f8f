"""A page of 50 projects out of 10,000, against the same page out of 100."""

import tempfile
from pathlib import Path

from sqlalchemy import Connection, insert

from bench.api_process import ApiProcess, Store, make_store, serving
from bench.load import run_load
from bench.measuring import Report, interleaved, median_ratio
from windlass.org.resource_store import save_resources
from windlass.org.resources import Resources, Share
from windlass.org.tables import project, project_resources

SMALL, LARGE = 100, 10_000
SECONDS = 3.0
PATHS = {
    "first page": "/api/v1/org-unit/projects?limit=50",
    "by department": "/api/v1/org-unit/projects?limit=50&filterBy=parentName==default",
}
_FIRST_ID = 5_000_000
_FIRST_POOL = 100001


def main() -> None:
    """Measure and report."""
    report = Report(
        "project-page",
        {
            "store": "SQLite, WAL, synchronous=FULL",
            "connections": 1,
            "API": "one process on core 0, 16 threads; load on core 1",
            "rows": f"{SMALL} and {LARGE}",
        },
    )
    with tempfile.TemporaryDirectory() as folder:
        small, large = make_store(Path(folder, "small")), make_store(Path(folder, "large"))
        fill(small, SMALL)
        fill(large, LARGE)
        with serving(small, 0) as few, serving(large, 0) as many:
            for name, path in PATHS.items():
                values = interleaved([lambda: _p50(few, path), lambda: _p50(many, path)])  # noqa: B023
                report.add(f"{name}: p50 of {SMALL}", sorted(values[0])[2], "ms")
                report.add(f"{name}: p50 of {LARGE}", sorted(values[1])[2], "ms")
                report.add(f"{name}: ratio", median_ratio(values[1], values[0]), "times", "<= 2")
    report.finish()


def fill(store: Store, count: int) -> None:
    """Write `count` projects with quotas."""
    database = store.open()
    tree = store.context.tree
    rows = [
        {
            "id": _FIRST_ID + number,
            "department_id": int(tree.department_id),
            "cluster_id": tree.cluster_id,
            "name": f"bench-{number:06d}",
            "description": "",
            "created_at": 1_800_000_000.0 + number,
            "created_by": "bench",
            "updated_at": 1_800_000_000.0 + number,
            "updated_by": "bench",
        }
        for number in range(count)
    ]
    quota = {_FIRST_POOL: Resources(gpu=Share(1_000_000))}

    def write(connection: Connection) -> None:
        connection.execute(insert(project), rows)
        for row in rows:
            save_resources(connection, project_resources, int(str(row["id"])), quota)

    database.write(write)
    database.close()


def _p50(api: ApiProcess, path: str) -> float:
    load = run_load(f"{api.url}{path}", SECONDS, 1, api.headers, cores=[1])
    if load.failed:
        raise AssertionError(f"{load.failed} requests to {path} failed")
    return load.p50_ms


if __name__ == "__main__":
    main()
