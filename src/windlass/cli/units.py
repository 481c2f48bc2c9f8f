"""Departments and projects, as commands list, create, edit and delete them."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windlass.cli.output import print_json, print_table
from windlass.cli.target import client_of
from windlass.cli.unit_options import Wanted
from windlass.cli.wording import age, number
from windlass.client import Client, ClientError
from windlass.client.types import OrgUnit, PoolResources


class NoSuchUnit(ClientError):
    """Nothing has that name."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Departments, or projects: what the client does with them."""

    name: str
    every: Callable[..., Iterable[OrgUnit]]
    get: Callable[[str], OrgUnit]
    create: Callable[[Mapping[str, Any]], OrgUnit]
    update: Callable[[str, Mapping[str, Any]], OrgUnit]
    change_resources: Callable[[str, Sequence[PoolResources]], None]
    delete: Callable[[str], object]


def departments(client: Client) -> Kind:
    """What there is to do with departments."""
    return Kind(
        "department",
        client.departments,
        client.department,
        client.create_department,
        client.update_department,
        client.change_department_resources,
        client.delete_department,
    )


def projects(client: Client) -> Kind:
    """What there is to do with projects."""
    return Kind(
        "project",
        client.projects,
        client.project,
        client.create_project,
        client.update_project,
        client.change_project_resources,
        client.delete_project,
    )


def run_list(
    data_dir: Path,
    kind_of: Callable[[Client], Kind],
    *,
    search: str | None,
    filter_by: Sequence[str],
    as_json: bool,
) -> int:
    """List units by name."""
    with client_of(data_dir) as client:
        kind = kind_of(client)
        found = list(kind.every(filter_by=filter_by, search=search))
    if as_json:
        print_json(found)
    elif not found:
        print(f"There is no {kind.name}{' like that' if search or filter_by else ''}.")
    else:
        _print(found, with_department=kind.name == "project")
    return 0


def run_create(
    data_dir: Path,
    kind_of: Callable[[Client], Kind],
    name: str,
    wanted: Wanted,
    *,
    department: str | None = None,
    as_json: bool,
) -> int:
    """Create a unit. Raises NoSuchUnit of its department or node pool."""
    with client_of(data_dir) as client:
        kind = kind_of(client)
        above = None if department is None else find_unit(departments(client), department)
        cluster = above["clusterId"] if above else client.clusters()[0]["uuid"]
        body: dict[str, Any] = {
            "name": name,
            "clusterId": cluster,
            "resources": resources_of(client, wanted) if wanted.has_resources else [],
            "description": wanted.description or "",
            "defaultNodePools": wanted.default_pool_names or None,
        }
        if above is not None:
            body["parentId"] = above["id"]
        made = kind.create(body)
    _tell(made, f"The {kind.name} {made['name']} is there (id {made['id']}).", as_json=as_json)
    return 0


def run_edit(
    data_dir: Path,
    kind_of: Callable[[Client], Kind],
    name: str,
    wanted: Wanted,
    *,
    as_json: bool,
) -> int:
    """Change what is given of a unit. Raises NoSuchUnit."""
    with client_of(data_dir) as client:
        kind = kind_of(client)
        unit_id = find_unit(kind, name)["id"]
        if wanted.has_resources:
            kind.change_resources(unit_id, resources_of(client, wanted))
        if wanted.description is not None or wanted.default_pools is not None:
            kind.update(unit_id, _replacement(kind.get(unit_id), wanted))
        changed = kind.get(unit_id)
    _tell(changed, f"The {kind.name} {changed['name']} is changed.", as_json=as_json)
    return 0


def run_delete(data_dir: Path, kind_of: Callable[[Client], Kind], names: Sequence[str]) -> int:
    """Delete all that is named, or nothing when a name does not fit. Raises NoSuchUnit."""
    with client_of(data_dir) as client:
        kind = kind_of(client)
        found = {unit["id"]: unit["name"] for unit in (find_unit(kind, name) for name in names)}
        for unit_id, name in found.items():
            gone = kind.delete(unit_id)
            print(
                f"{name} goes with the last of its workloads, which are ending."
                if gone is False
                else f"{name} is gone."
            )
    return 0


def find_unit(kind: Kind, name_or_id: str) -> OrgUnit:
    """The unit with that name, or else with that id. Raises NoSuchUnit."""
    named = list(kind.every(filter_by=[f"name=={name_or_id}"])) if "," not in name_or_id else []
    for unit in named or kind.every():
        if name_or_id in (unit["name"], unit["id"]):
            return unit
    raise NoSuchUnit(f"There is no {kind.name} {name_or_id!r}. All: windlass {kind.name}s list")


def resources_of(client: Client, wanted: Wanted) -> list[PoolResources]:
    """What is given, as the API takes it. Raises NoSuchUnit of the node pool."""
    entry: PoolResources = {"nodePool": {"id": find_pool_id(client, wanted.pool)}}
    gpu = {
        "deserved": wanted.gpus,
        "limit": wanted.gpu_limit,
        "overQuotaWeight": wanted.over_quota_weight,
    }
    given: Any = {name: value for name, value in gpu.items() if value is not None}
    if given:
        entry["gpu"] = given
    if wanted.cpus is not None:
        entry["cpu"] = {"deserved": wanted.cpus * 1000 if wanted.cpus >= 0 else wanted.cpus}
    if wanted.memory_gb is not None:
        entry["memory"] = {"deserved": wanted.memory_gb, "units": "GB"}
    if wanted.rank is not None:
        entry["priority"] = wanted.rank
    return [entry]


def find_pool_id(client: Client, name: str | None) -> str:
    """The id of a node pool by its name; of the default one without. Raises NoSuchUnit."""
    for pool in client.node_pools():
        if pool["name"] == name or (name is None and pool["isDefault"]):
            return pool["id"]
    raise NoSuchUnit(f"There is no node pool {name!r}. All: windlass node-pools list")


def _replacement(unit: OrgUnit, wanted: Wanted) -> dict[str, Any]:
    pools = unit.get("defaultNodePools")
    if wanted.default_pools is not None:
        pools = wanted.default_pool_names or None
    description = unit.get("description", "")
    return {
        "description": description if wanted.description is None else wanted.description,
        "defaultNodePools": pools,
        "resources": unit.get("resources", []),
    }


def _tell(unit: OrgUnit, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(unit)
    else:
        print(sentence)


def _print(found: Sequence[OrgUnit], *, with_department: bool) -> None:
    now = time.time()
    headings = ["NAME", "GPU QUOTA", "GPUS IN USE", "AGE", "ID"]
    if with_department:
        headings[1:1] = ["DEPARTMENT", "PHASE"]
    print_table(headings, [_row(unit, now, with_department=with_department) for unit in found])


def _row(unit: OrgUnit, now: float, *, with_department: bool) -> list[str]:
    status = unit.get("status", {})
    quota = unit.get("totalResources", {}).get("gpuQuota")
    used = status.get("quotaStatus", {}).get("allocated", {}).get("gpu", 0)
    middle = [unit.get("departmentName", ""), status.get("phase", "")] if with_department else []
    return [
        unit["name"],
        *middle,
        "unlimited" if quota is None else number(quota),
        number(used),
        age(unit.get("createdAt"), now),
        unit["id"],
    ]
