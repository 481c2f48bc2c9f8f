"""Roles: named sets of permissions. A permission is a resource type with an action.

The facts are in `roles.yaml`. Ids, not names, are what access rules keep.
"""

import importlib.resources
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import yaml


class Action(StrEnum):
    """What may be done with resources of a type."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"


class ResourceType(StrEnum):
    """What there is to have permissions for, as the vendor names it."""

    TENANT = "tenant"
    DEPARTMENT = "department"
    PROJECT = "project"
    SETTINGS = "settings"
    BRANDING_SETTINGS = "branding-settings"
    EVENTS_HISTORY = "events-history"
    CLUSTER = "cluster"
    CLUSTER_CONFIG = "cluster-config"
    NODE_POOLS = "nodepools"
    NODES = "nodes"
    NETWORK_TOPOLOGIES = "network-topologies"
    STORAGE_CLASS_CONFIGURATION = "storage-class-configuration"
    USERS = "users"
    APPS = "apps"
    SERVICE_ACCOUNT = "service-account"
    ACCESS_KEYS = "access-keys"
    ROLES = "roles"
    ACCESS_RULES = "access_rules"
    SECURITY_SETTINGS = "security-settings"
    DASHBOARDS_OVERVIEW = "dashboards-overview"
    DASHBOARDS_ANALYTICS = "dashboards-analytics"
    DASHBOARDS_CONSUMPTION = "dashboards-consumption"
    WORKLOADS = "workloads"
    JOBS = "jobs"
    WORKSPACES = "workspaces"
    TRAININGS = "trainings"
    INFERENCES = "inferences"
    WORKLOAD_PROPERTIES = "workload-properties"
    SCRAPEABLE_METRICS = "scrapeable-metrics"
    ENVIRONMENTS = "environments"
    COMPUTE_RESOURCES = "compute-resources"
    TEMPLATES = "templates"
    CREDENTIALS = "credentials"
    POLICIES = "policies"
    REGISTRIES = "registries"
    DATA_VOLUMES = "datavolumes"
    PVC_ASSETS = "pvc-assets"
    GIT_ASSETS = "git-assets"
    HOST_PATH_ASSETS = "host-path-assets"
    NFS_ASSETS = "nfs-assets"
    S3_ASSETS = "s3-assets"
    CONFIG_MAP_ASSETS = "cm-volume-assets"
    SECRET_ASSETS = "secret-volume-assets"


Permission = tuple[ResourceType, Action]


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """How a resource type is shown."""

    type: ResourceType
    display_name: str
    group: str
    is_read_on_the_way: bool
    """Whether a permission to read it at a scope holds for those on the way there, too."""


@dataclass(frozen=True, slots=True)
class Role:
    """One role."""

    id: int
    name: str
    description: str
    permissions: frozenset[Permission]
    assigns: frozenset[int]
    """The roles that its holders may give and take, if they may manage access rules."""


SYSTEM_ADMINISTRATOR = 1


@cache
def roles() -> Mapping[int, Role]:
    """Every role by its id."""
    facts = _facts()
    sets = {**facts["sets"], "all": list(ResourceType)}
    ids = frozenset(entry["id"] for entry in facts["roles"])
    return {entry["id"]: _role(entry, sets, ids) for entry in facts["roles"]}


@cache
def resource_kinds() -> Mapping[ResourceType, ResourceKind]:
    """Every resource type, in the order in which they are shown."""
    facts = _facts()
    on_the_way = set(facts["read_on_the_way"])
    return {
        ResourceType(name): ResourceKind(ResourceType(name), shown, group, name in on_the_way)
        for group, types in facts["resource_types"].items()
        for name, shown in types.items()
    }


@cache
def _facts() -> dict[str, Any]:
    text = importlib.resources.files("windlass.identity").joinpath("roles.yaml").read_text("utf-8")
    facts: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return facts


def _role(entry: Mapping[str, Any], sets: Mapping[str, Any], ids: frozenset[int]) -> Role:
    managed = _types(entry.get("manage", ()), sets)
    read = _types(entry.get("read", ()), sets)
    permissions = {(resource, action) for resource in managed for action in Action}
    return Role(
        id=entry["id"],
        name=entry["name"],
        description=entry["description"],
        permissions=frozenset(permissions | {(resource, Action.READ) for resource in read}),
        assigns=frozenset(entry.get("assigns", ids)),
    )


def _types(names: Iterable[str], sets: Mapping[str, Sequence[str]]) -> set[ResourceType]:
    found: set[ResourceType] = set()
    for name in names:
        found |= _types(sets[name], sets) if name in sets else {ResourceType(name)}
    return found
