"""From what people type, a name or an id, to one workload."""

import uuid

from windlass.client import Client, ClientError, NotFound
from windlass.client.types import Workload


class NoSuchWorkload(ClientError):
    """Nothing has that name."""


class AmbiguousName(ClientError):
    """Workloads of several projects have that name."""


def find_workload(client: Client, name_or_id: str, project: str | None = None) -> Workload:
    """The workload with that id, or else with that name.

    Raises NoSuchWorkload or AmbiguousName.
    """
    if _is_id(name_or_id):
        try:
            return client.workload(name_or_id)
        except NotFound:
            raise NoSuchWorkload(
                f"There is no workload with the id {name_or_id}. "
                "Those that are gone: windlass ls --deleted"
            ) from None
    filters = [f"name=={name_or_id}"]
    if project is not None:
        filters.append(f"projectName=={project}")
    found = list(client.workloads(filter_by=filters))
    if not found:
        place = f" in the project {project}" if project is not None else ""
        raise NoSuchWorkload(f"There is no workload {name_or_id!r}{place}. All: windlass ls")
    if len(found) > 1:
        places = ", ".join(f"{workload['projectName']} ({workload['id']})" for workload in found)
        raise AmbiguousName(
            f"{name_or_id!r} is a workload in {len(found)} projects: {places}. "
            "Say which with --project or by its id."
        )
    return found[0]


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
