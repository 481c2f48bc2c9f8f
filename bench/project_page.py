"""A page of 50 projects out of 10,000, against the same page out of 100."""

from sqlalchemy import Connection, insert

from bench.api_process import Store
from bench.pages import compare_pages
from windlass.org.resource_store import save_resources
from windlass.org.resources import Resources, Share
from windlass.org.tables import project, project_resources

PATHS = {
    "first page": "/api/v1/org-unit/projects?limit=50",
    "by department": "/api/v1/org-unit/projects?limit=50&filterBy=parentName==default",
}
_FIRST_ID = 5_000_000
_FIRST_POOL = 100001


def main() -> None:
    """Measure and report."""
    compare_pages("project-page", fill, 10_000, PATHS)


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


if __name__ == "__main__":
    main()
