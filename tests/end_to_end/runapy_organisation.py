"""Every operation on the organisation, as a program: `runapy_organisation.py ADMIN_JSON NAME`.

It is run where `import runai` gives the vendor's client, and prints as JSON what was answered: a
list of operation, status and body.
"""

import json
import sys
from pathlib import Path
from typing import Any

from runai import api, models
from runai.api_client import ApiClient
from runai.configuration import Configuration
from runai.exceptions import ApiException, NotFoundException
from runai.runai_client import RunaiClient

CLUSTERS = "/api/v1/clusters"
DEPARTMENTS = "/api/v1/org-unit/departments"
PROJECTS = "/api/v1/org-unit/projects"
POOLS = "/api/v1/node-pools"


class Session:
    """Notes every answer with its operation."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, int, Any]] = []

    def note(self, operation: str, answer: Any) -> Any:
        """The body of an answer."""
        self.answers.append((operation, answer.status_code, answer.data))
        return answer.data

    def refused(self, operation: str, call: Any) -> None:
        """Note an error that the client raises."""
        try:
            call()
        except ApiException as error:
            self.answers.append((operation, error.status, json.loads(error.body)))
        else:
            raise AssertionError(f"{operation} was not refused")


def main(administrator: Path, name: str) -> list[tuple[str, int, Any]]:
    """What was answered, in order."""
    known = json.loads(administrator.read_text())
    configuration = Configuration(
        client_id=known["client_id"],
        client_secret=known["client_secret"],
        runai_base_url=known["url"],
    )
    client = RunaiClient(ApiClient(configuration))
    session, units = Session(), client.organizations
    pool = pools(session, units.node_pools, known["cluster_id"], name)
    department = departments(session, units.departments, known["cluster_id"], name, pool)
    projects(session, units.projects, known["cluster_id"], name, department)
    session.note(f"DELETE {DEPARTMENTS}/{{}}", units.departments.delete_department(department))
    session.note(f"DELETE {POOLS}/{{}}", units.node_pools.delete_nodepool(pool))
    clusters(session, units.clusters, name)
    nodes(session, units.nodes, known["cluster_id"])
    properties(session, client)
    return session.answers


def pools(session: Session, api_of: Any, cluster: str, name: str) -> str:
    body = {"name": name, "labelKey": "runapy", "labelValue": name, "clusterId": cluster}
    made = models.NodepoolCreateFields.from_dict(body)
    pool = session.note(f"POST {POOLS}", api_of.create_nodepool(made))["id"]
    session.refused(f"POST {POOLS}", lambda: api_of.create_nodepool(made))
    session.note(f"GET {POOLS}", api_of.get_nodepools(filter_by=[f"name=={name}"], limit=5))
    session.note(f"GET {POOLS}/count", api_of.count_nodepools(filter_by=[f"name=={name}"]))
    session.note(f"GET {POOLS}/{{}}", api_of.get_nodepool(pool))
    spread = models.NodepoolUpdateFields.from_dict({"placementStrategy": {"gpu": "spread"}})
    session.note(f"PATCH {POOLS}/{{}}", api_of.patch_nodepool(pool, spread))
    session.note(f"PUT {POOLS}/{{}}", api_of.update_nodepool(pool, spread))
    session.refused(f"GET {POOLS}/{{}}", lambda: api_of.get_nodepool("1"))
    return str(pool)


def departments(session: Session, api_of: Any, cluster: str, name: str, pool: str) -> str:
    resources = [{"nodePool": {"id": pool, "name": name}, "gpu": {"deserved": 4}}]
    body = {"name": name, "clusterId": cluster, "resources": resources}
    made = models.DepartmentCreationRequest.from_dict(body)
    unit = session.note(f"POST {DEPARTMENTS}", api_of.create_department(made))["id"]
    session.refused(f"POST {DEPARTMENTS}", lambda: api_of.create_department(made))
    session.note(f"GET {DEPARTMENTS}", api_of.get_departments(filter_by=[f"name=={name}"]))
    session.note(f"GET {DEPARTMENTS}/count", api_of.count_departments())
    session.note(f"GET {DEPARTMENTS}/{{}}", api_of.get_department(unit))
    change = models.DepartmentUpdateRequest.from_dict({"description": "x", "resources": resources})
    session.note(f"PUT {DEPARTMENTS}/{{}}", api_of.update_department(unit, change))
    entry = models.ResourcesNullable.from_dict(resources[0])
    place = f"{DEPARTMENTS}/{{}}/resources"
    session.note(f"PUT {place}", api_of.update_department_resources(unit, [entry]))
    session.note(f"PATCH {place}", api_of.patch_department_resources(unit, [entry]))
    session.refused(f"GET {DEPARTMENTS}/{{}}", lambda: api_of.get_department("1"))
    return str(unit)


def projects(session: Session, api_of: Any, cluster: str, name: str, department: str) -> None:
    body = {"name": name, "clusterId": cluster, "parentId": department, "resources": []}
    made = models.ProjectCreationRequest.from_dict(body)
    unit = session.note(f"POST {PROJECTS}", api_of.create_project(made))["id"]
    session.refused(f"POST {PROJECTS}", lambda: api_of.create_project(made))
    query = {"filter_by": [f"name=={name}", "phase==Ready"], "sort_by": "totalGpuQuota"}
    session.note(f"GET {PROJECTS}", api_of.get_projects(**query))
    session.note(f"GET {PROJECTS}/count", api_of.count_projects(search=name))
    session.note(f"GET {PROJECTS}/{{}}", api_of.get_project(unit))
    change = models.ProjectUpdateRequest.from_dict({"description": "x", "resources": []})
    session.note(f"PUT {PROJECTS}/{{}}", api_of.update_project(unit, change))
    entry = models.ResourcesNullable.from_dict({"gpu": {"deserved": 0}, "priority": "high"})
    place = f"{PROJECTS}/{{}}/resources"
    session.note(f"PUT {place}", api_of.update_project_resources(unit, [entry]))
    session.note(f"PATCH {place}", api_of.patch_project_resources(unit, [entry]))
    much = models.ResourcesNullable.from_dict({"gpu": {"deserved": 1}})
    session.refused(f"PATCH {place}", lambda: api_of.patch_project_resources(unit, [much]))
    session.note(f"DELETE {PROJECTS}/{{}}", api_of.delete_project(unit))
    try:
        api_of.get_project(unit)
    except NotFoundException as error:
        session.answers.append((f"GET {PROJECTS}/{{}}", error.status, json.loads(error.body)))


def clusters(session: Session, api_of: Any, name: str) -> None:
    made = models.ClusterCreationRequest.from_dict({"name": name})
    cluster = session.note(f"POST {CLUSTERS}", api_of.create_cluster(made))["uuid"]
    session.note(f"GET {CLUSTERS}", api_of.get_clusters())
    session.note(f"GET {CLUSTERS}/{{}}", api_of.get_cluster_by_uuid(cluster))
    renamed = models.ClusterUpdateRequest.from_dict({"name": f"{name}-2"})
    session.note(f"PUT {CLUSTERS}/{{}}", api_of.update_cluster(cluster, renamed))
    session.note(f"DELETE {CLUSTERS}/{{}}", api_of.delete_cluster(cluster))


def nodes(session: Session, api_of: Any, cluster: str) -> None:
    session.note(f"GET {CLUSTERS}/{{}}/nodes", api_of.get_nodes(cluster, sort_by="name"))
    session.note(f"GET {CLUSTERS}/{{}}/nodes/count", api_of.count_nodes(cluster))
    if hasattr(api_of, "get_tenant_nodes"):
        session.note("GET /api/v1/nodes", api_of.get_tenant_nodes(filter_by=["status==Ready"]))
        session.note("GET /api/v1/nodes/count", api_of.count_tenant_nodes())


def properties(session: Session, client: Any) -> None:
    ranks = api.OrgUnitApi(client.api_client).get_priorities()
    session.note("GET /api/v1/org-unit/priorities", ranks)
    newer = getattr(client.workloads, "workload_properties", None)
    priorities = (newer or client.workloads.workloads_priorities).get_workload_priorities()
    session.note("GET /api/v1/workload-priorities", priorities)
    if newer is not None:
        types = session.note("GET /api/v1/workload-types", newer.list_workload_types())["types"]
        shown = newer.get_workload_type(types[0]["id"])
        session.note("GET /api/v1/workload-types/{}", shown)
        listed = session.note("GET /api/v1/workload-categories", newer.list_categories())
        category = newer.get_category_by_id(listed["categories"][0]["id"])
        session.note("GET /api/v1/workload-categories/{}", category)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))
