"""A tree with something of everything in it, for tests of who may do what there.

There are two departments, called wings, each with a project, and beside that of the first another.
Requests are about one wing; callers have their roles there, above, beside or elsewhere.
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import structlog
from sqlalchemy import Connection, insert, select

from tests.api.in_process import Answer, InProcess, UndoneDatabase
from tests.api.serving import NOBODY, make_quick, prepared
from windlass.app.api import create_api
from windlass.app.context import Context
from windlass.assets.kind import Kind
from windlass.assets.kinds import DATA_VOLUME, FAMILIES, KINDS, SERVED_ALIKE
from windlass.audit.origin import was_refused
from windlass.identity import permissions
from windlass.identity.access_rules import add_rule
from windlass.identity.operations import operations
from windlass.identity.tokens import Caller, TokenAuthority
from windlass.kit.database import Database
from windlass.kit.ids import new_id
from windlass.workloads.tables import pod, workload

WORKLOADS = "/api/v1/workloads"
PROJECTS = "/api/v1/org-unit/projects"
DEPARTMENTS = "/api/v1/org-unit/departments"
RULES = "/api/v1/authorization/access-rules"
GIVEN_ROLE = 9
PLANTED_USER = "ada@example.org"


@dataclass
class World:
    """The tree, and the API over it."""

    api: InProcess
    context: Context
    database: UndoneDatabase
    authority: TokenAuthority
    document: dict[str, Any]
    administrator: dict[str, str]
    refusals: list[tuple[str, str]]
    """The permissions that were found lacking since it was emptied, and where."""
    ids: dict[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    objects: dict[str, dict[str, str]] = field(default_factory=dict)
    """By resource type, the ids of what there is and the path that each belongs to."""
    baselines: dict[str, int] = field(default_factory=dict)
    callers: dict[tuple[int, str], dict[str, str]] = field(default_factory=dict)

    def ask(self, operation: str, headers: Mapping[str, str], wing: str = "a") -> Answer:
        """Ask for an operation, about what is in one of the two departments."""
        self.refusals.clear()
        method, _, template = operation.partition(" ")
        return self.api.ask(
            method, self.address(template, wing), headers, self.body(operation, wing)
        )

    def baseline(self, operation: str) -> int:
        """What the administrator is answered, who may do everything."""
        if operation not in self.baselines:
            self.baselines[operation] = self.ask(operation, self.administrator).status
            assert self.refusals == [], operation
        return self.baselines[operation]

    def address(self, template: str, wing: str = "a") -> str:
        """The path with the ids of what is in that department."""
        filled = re.sub(r"{(\w+)}", lambda match: self.parameter(match[1], wing), template)
        return f"{filled}{QUERIES.get(template, '').format(**self.ids)}"

    def parameter(self, name: str, wing: str) -> str:
        """What stands in the path for a parameter."""
        key = PARAMETERS.get(name, name)
        return self.ids.get(f"{key}-{wing}", self.ids.get(key, NOBODY))

    def body(self, operation: str, wing: str = "a") -> object:
        """The example of the served description, about what is in that department."""
        method, _, template = operation.partition(" ")
        described = self.document["paths"][template][method.lower()].get("requestBody")
        if described is None:
            return None
        ((media_type, content),) = described["content"].items()
        example = copy.deepcopy(content["example"])
        if media_type != "application/json":
            return urlencode(example).encode()
        return self._about(example, wing)

    def _about(self, value: Any, wing: str) -> Any:
        if isinstance(value, list):
            return [self._about(entry, wing) for entry in value]
        if not isinstance(value, dict):
            return value
        project = self.ids[f"project-{wing}"]
        ours: dict[str, object] = {
            "projectId": int(project) if value.get("scope") == "project" else project,
            "clusterId": self.ids["cluster"],
            "credentialAssetId": self.ids.get(f"generic_secret-{wing}"),
            "originPvcName": f"used-pvc-{wing}",
            "parentId": self.ids[f"department-{wing}"],
            "scopeId": self.ids[f"project-{wing}"],
            "ids": [self.ids[f"rule-{wing}"]],
            "image": "host/canary",
            "discoverDocumentUrl": "http://127.0.0.1:9/nobody-listens-here",
        }
        # Others than those that requests are about, which could not be deleted else.
        used = {kind: self.ids.get(f"{kind}-used-{wing}") for kind in ("environment", "compute")}
        ours |= {
            kind: other
            for kind, other in used.items()
            if other and isinstance(value.get(kind), str)
        }
        return {key: ours.get(key, self._about(member, wing)) for key, member in value.items()}

    def target(self, operation: str, wing: str = "a") -> str:
        """The path of the unit that an operation is about."""
        _, _, template = operation.partition(" ")
        named = re.findall(r"{(\w+)}", template)
        what = PARAMETERS[named[0]] if named else TARGET_OF_BODY[operation]
        return self.paths.get(f"{what}-{wing}", self.paths.get(what, ""))

    def caller(self, role_id: int, scope: str) -> dict[str, str]:
        """What requests carry of somebody who has that role at that place and no other."""
        key = (role_id, scope)
        if key not in self.callers:
            self.callers[key] = self._new_caller(role_id, scope)
        return self.callers[key]

    def _new_caller(self, role_id: int, scope: str) -> dict[str, str]:
        name = f"role{role_id}-{scope}@example.org"
        path = self.paths[scope]
        values = {
            "tenant_id": self.context.tree.tenant_id,
            "subject_type": "user",
            "subject_id": name,
            "role_id": role_id,
            "scope_type": scope.partition("-")[0],
            "scope_id": path.rpartition("/")[2],
            "scope_name": scope,
            "scope_path": path,
            "created_at": 0.0,
            "updated_at": 0.0,
            "created_by": "test",
        }
        undo, self.database.undo = self.database.undo, False
        number = self.database.write(lambda connection: add_rule(connection, values))
        self.database.undo = undo
        self.objects["access_rules"][str(number)] = path
        return headers_of(self.authority, self.context.tree.tenant_id, name)


PARAMETERS = {
    "project_id": "project",
    "department_id": "department",
    "cluster_id": "cluster",
    "clusterUuid": "cluster",
    "node_pool_id": "node-pool",
    "workload_id": "workload",
    "pod_id": "pod",
    "workload_type_id": "workload-type",
    "category_id": "category",
    "accessRuleId": "rule",
    "roleIdPath": "role",
    "userId": "user",
    "appId": "application",
    "serviceAccountId": "application",
    "accessKeyId": "access-key",
    "idp": "identity-provider",
    "provider": "identity-provider",
    **{kind.parameter: kind.word for kind in KINDS},
}
"""What stands in paths for a parameter. Those of `unit` operations need a path below, too."""
TARGET_OF_BODY = {
    "POST /api/v1/clusters": "tenant",
    "POST /api/v1/node-pools": "cluster",
    "POST /api/v1/org-unit/departments": "cluster",
    "POST /api/v1/org-unit/projects": "department",
    "POST /api/v1/workloads/inferences": "project",
    **{f"POST {kind.path}": "project" for kind in KINDS},
    f"GET {DATA_VOLUME.path}/name-availability": "cluster",
    "POST /api/v1/authorization/access-rules": "project",
    "POST /api/v1/authorization/access-rules/batch": "project",
    "POST /api/v1/authorization/access-rules/batch-create": "project",
}
"""Where operations act that name their unit in the body."""
_RANGE = "?start=2026-01-01T00:00:00Z&end=2100-01-01T00:00:00Z"
QUERIES = {
    "/api/v1/audit/log": _RANGE,
    "/api/v1/audit/log/file": _RANGE,
    RULES: "?limit=500",
    DATA_VOLUME.path: "?requestType=Originated",
    f"{DATA_VOLUME.path}/count": "?requestType=Originated",
    f"{DATA_VOLUME.path}/name-availability": "?dataName=free&clusterId={cluster}",
}


def headers_of(authority: TokenAuthority, tenant_id: int, name: str) -> dict[str, str]:
    """What requests carry of a user of this name."""
    token = authority.issue(Caller(new_id(), name, "user", tenant_id))
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def world_over(root: Path, database_url: str, *, with_records: bool = False) -> Iterator[World]:
    """The tree in a fresh store; from then on nothing that is written stays.

    Refusals are recorded only where records are asked for.
    """
    database = UndoneDatabase(database_url)
    refusals: list[tuple[str, str]] = []

    def refuse(permission: str, path: str) -> None:
        refusals.append((permission, path))
        was_refused(permission, path)

    with pytest.MonkeyPatch.context() as patched, structlog.testing.capture_logs():
        patched.setattr(permissions, "was_refused", refuse)
        make_quick(patched)
        _make_quicker(patched)
        if not with_records:
            patched.setattr("windlass.audit.middleware.record_failure", lambda *_: None)
        context = prepared(root, database_url, database)
        client = InProcess(create_api(context, database), database)
        name = str(context.foundation.administrator["username"])
        authority = context.authority(database)
        administrator = headers_of(authority, context.tree.tenant_id, name)
        world = World(
            client, context, database, authority, client.document, administrator, refusals
        )
        _plant(world)
        database.undo = True
        yield world
        client.close()
    database.close()


def _make_quicker(patched: pytest.MonkeyPatch) -> None:
    """Spare them threads, too."""

    async def at_once(work: Callable[..., Any], *words: Any, **named: Any) -> Any:
        return work(*words, **named)

    for module in ("fastapi.routing", "fastapi.dependencies.utils", "windlass.kit.http"):
        patched.setattr(f"{module}.run_in_threadpool", at_once)
    patched.setattr("windlass.identity.authentication.run_in_threadpool", at_once)
    patched.setattr("windlass.audit.middleware.run_in_threadpool", at_once)


def _plant(world: World) -> None:
    tree = world.context.tree
    tenant, cluster = f"/{tree.tenant_id}", f"/{tree.tenant_id}/{tree.cluster_id}"
    world.paths |= {"tenant": tenant, "cluster": cluster, "node-pool": cluster}
    world.ids |= {"cluster": tree.cluster_id, "role": "4"}
    for wing in "ab":
        department = _created(world, DEPARTMENTS, {"name": f"wing-{wing}"})
        path = f"{cluster}/{department}"
        world.ids[f"department-{wing}"], world.paths[f"department-{wing}"] = department, path
        _plant_project(world, wing, department)
    beside = _created(world, PROJECTS, {"name": "beside", "parentId": world.ids["department-a"]})
    world.paths["project-beside"] = f"{world.paths['department-a']}/{beside}"
    world.ids["user"] = _created(world, "/api/v1/users", {"email": PLANTED_USER})
    pools = world.api.ask("GET", "/api/v1/node-pools", world.administrator, None).json
    world.ids["node-pool"] = pools["nodepools"][0]["id"]
    types = world.api.ask("GET", "/api/v1/workload-types", world.administrator, None).json
    world.ids["workload-type"] = types["types"][0]["id"]
    application = _created(world, "/api/v1/apps", {"name": "reporting-of-all"})
    world.ids["application"] = application
    _count(world)


def _plant_project(world: World, wing: str, department: str) -> None:
    project = _created(world, PROJECTS, {"name": f"work-{wing}", "parentId": department})
    path = f"{world.paths[f'department-{wing}']}/{project}"
    world.ids[f"project-{wing}"] = project
    body = {
        "name": f"served-{wing}",
        "projectId": project,
        "spec": {"image": "host/canary", "servingPort": {"container": 8000}},
    }
    workload_id = _created(world, f"{WORKLOADS}/inferences", body, "workloadId")
    rule = {
        "subjectId": f"somebody-{wing}@example.org",
        "subjectType": "user",
        "roleId": GIVEN_ROLE,
        "scopeType": "project",
        "scopeId": project,
    }
    world.ids[f"rule-{wing}"] = str(_created(world, RULES, rule))
    world.ids[f"workload-{wing}"] = workload_id
    world.ids[f"pod-{wing}"] = plant_pod(world.database, workload_id)
    for what in ("project", "workload", "rule", "pod"):
        world.paths[f"{what}-{wing}"] = path
    for kind in KINDS:
        world.paths[f"{kind.word}-{wing}"] = path
    for kind in SERVED_ALIKE:
        world.ids[f"{kind.word}-used-{wing}"] = _plant_asset(world, kind, wing, "used-")
        world.ids[f"{kind.word}-{wing}"] = _plant_asset(world, kind, wing)
    volume = world.body(f"POST {DATA_VOLUME.path}", wing)
    assert isinstance(volume, dict)
    volume["name"] = f"volume-{wing}"
    world.ids[f"{DATA_VOLUME.word}-{wing}"] = _created(world, DATA_VOLUME.path, volume)


def _plant_asset(world: World, kind: Kind, wing: str, prefix: str = "") -> str:
    body = world.body(f"POST {kind.path}", wing)
    assert isinstance(body, dict)
    body["meta"]["name"] = f"{prefix}{kind.word}-{wing}"
    answer = world.api.ask("POST", kind.path, world.administrator, body)
    assert answer.status == 202, answer.body
    return str(answer.json["meta"]["id"])


def plant_pod(database: Database, workload_id: str) -> str:
    """The id of a pod that the workload now has, as controllers would give it one."""

    def write(connection: Connection) -> str:
        row = connection.execute(select(workload).where(workload.c.id == workload_id)).one()
        pod_id = new_id()
        connection.execute(
            insert(pod).values(
                id=pod_id,
                workload_id=workload_id,
                revision_id=row.revision_id,
                ordinal=0,
                created_at=0.0,
                updated_at=0.0,
                state="Pending",
                ready=False,
            )
        )
        return pod_id

    return database.write(write)


def _created(world: World, path: str, body: dict[str, Any], key: str = "id") -> str:
    filled = {"clusterId": world.ids["cluster"], "resources": [], **body}
    if path == RULES:
        del filled["resources"]
    answer = world.api.ask("POST", path, world.administrator, filled)
    assert answer.status in (201, 202), answer.body
    return str(answer.json[key])


def _count(world: World) -> None:
    tree, paths, ids = world.context.tree, world.paths, world.ids
    first = f"{paths['cluster']}/{tree.department_id}"
    beside = paths["project-beside"]
    world.objects = {
        "cluster": {ids["cluster"]: paths["cluster"]},
        "nodepools": {ids["node-pool"]: paths["cluster"]},
        "department": {
            tree.department_id: first,
            **{ids[f"department-{wing}"]: paths[f"department-{wing}"] for wing in "ab"},
        },
        "project": {
            tree.project_id: f"{first}/{tree.project_id}",
            beside.rpartition("/")[2]: beside,
            **{ids[f"project-{wing}"]: paths[f"project-{wing}"] for wing in "ab"},
        },
        "workloads": {ids[f"workload-{wing}"]: paths[f"workload-{wing}"] for wing in "ab"},
        "access_rules": {ids[f"rule-{wing}"]: paths[f"rule-{wing}"] for wing in "ab"},
    }
    for kind in SERVED_ALIKE:
        world.objects[f"GET {kind.path}"] = _listed_assets(world, kind)
    word = DATA_VOLUME.word
    world.objects["datavolumes"] = {ids[f"{word}-{wing}"]: paths[f"{word}-{wing}"] for wing in "ab"}
    for path, kinds in FAMILIES.items():
        members = (world.objects[f"GET {kind.path}"] for kind in kinds)
        world.objects[f"GET {path}"] = dict(item for found in members for item in found.items())
    nodes = world.api.ask("GET", "/api/v1/nodes", world.administrator, None).json["nodes"]
    world.objects["nodes"] = {node["id"]: paths["cluster"] for node in nodes}
    listed = world.api.ask("GET", f"{RULES}?limit=500", world.administrator, None).json
    for rule in listed["accessRules"]:
        world.objects["access_rules"].setdefault(str(rule["id"]), f"/{tree.tenant_id}")


def _listed_assets(world: World, kind: Kind) -> dict[str, str]:
    """Those that were planted, and what ships, which all see who see assets at all."""
    entries = world.api.ask("GET", kind.path, world.administrator, None).json["entries"]
    ships = [entry["meta"]["id"] for entry in entries if entry["meta"]["scope"] == "system"]
    planted = {
        world.ids[f"{kind.word}-{used}{wing}"]: world.paths[f"{kind.word}-{wing}"]
        for wing in "ab"
        for used in ("", "used-")
    }
    return {**dict.fromkeys(ships, world.paths["tenant"]), **planted}


def listed_ids(body: Any) -> set[str]:
    """The ids of what a list shows, whatever the list is called."""
    entries = (
        body if isinstance(body, list) else next(v for v in body.values() if isinstance(v, list))
    )
    return {str(entry.get("id") or entry.get("uuid") or entry["meta"]["id"]) for entry in entries}


def operations_where(*places: str) -> list[str]:
    return [name for name, row in operations().items() if row.where in places]
