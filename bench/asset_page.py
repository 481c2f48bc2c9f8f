"""What a project sees of 10,000 compute resources in 1,000 projects, against the same of 100."""

from sqlalchemy import Connection, insert

from bench.api_process import Store
from bench.pages import compare_pages
from windlass.assets.tables import asset
from windlass.org.tables import project

_EACH = 10
_FIRST_ID = 5_000_000
PATHS = {"of a project": f"/api/v1/asset/compute?projectId={_FIRST_ID}"}


def main() -> None:
    """Measure and report."""
    compare_pages("asset-page", fill, 10_000, PATHS)


def fill(store: Store, count: int) -> None:
    """Write `count` compute resources, ten in each project."""
    database = store.open()
    tree = store.context.tree
    stamps = {
        "created_at": 1_800_000_000.0,
        "created_by": "bench",
        "updated_at": 1_800_000_000.0,
        "updated_by": "bench",
    }
    units = {"department_id": int(tree.department_id), "cluster_id": tree.cluster_id}
    numbers = range(_FIRST_ID, _FIRST_ID + count // _EACH)
    projects = [
        {"id": number, "name": f"bench-{number}", "description": "", **units, **stamps}
        for number in numbers
    ]
    above = f"/{tree.tenant_id}/{tree.cluster_id}/{tree.department_id}"
    assets = [
        {
            "id": f"00000000-0000-4000-8000-{number:07d}{index:05d}",
            "kind": "compute",
            "name": f"size-{index}",
            "scope": "project",
            "scope_path": f"{above}/{number}",
            "tenant_id": tree.tenant_id,
            "project_id": number,
            "auto_delete": False,
            "private": False,
            "spec": {"cpuCoreRequest": index + 1},
            "update_count": index,
            **units,
            **stamps,
        }
        for number in numbers
        for index in range(_EACH)
    ]

    def write(connection: Connection) -> None:
        connection.execute(insert(project), projects)
        connection.execute(insert(asset), assets)

    database.write(write)
    database.close()


if __name__ == "__main__":
    main()
