"""Templates: an environment, a compute resource and what else a workload is made from, with what
is said of the workload beside them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from windlass.assets.kind import Kind, Reference
from windlass.assets.kinds.compute import COMPUTE
from windlass.assets.kinds.environment import ENVIRONMENT, variable_references, workload_variable
from windlass.assets.kinds.template_limits import limit_errors
from windlass.assets.kinds.template_spec import (
    ConnectionChoice,
    Distributed,
    MasterAssets,
    RunAutoscaling,
    RunParameters,
    ShownTemplate,
    TemplateAssets,
    TemplateSpec,
)
from windlass.assets.tables import asset, asset_reference
from windlass.assets.usage import TEMPLATE as NAME
from windlass.identity.roles import ResourceType
from windlass.kit.errors import FieldError
from windlass.spec.autoscaling import Autoscaling, contradictions
from windlass.spec.container import command_errors
from windlass.spec.environment import variable_errors
from windlass.spec.metadata import annotation_errors, label_errors
from windlass.spec.model import given
from windlass.spec.placement import affinity_errors, toleration_errors
from windlass.spec.priority import priority_errors
from windlass.spec.security import Security, security_errors
from windlass.spec.serving import access_errors

_SOURCES = ("value", "credential", "config_map", "pod_field_ref")
_METRIC_FIELDS = {"thresholdMetric": "metric", "thresholdValue": "metricThreshold"}
"""Fields of autoscaling that workloads call otherwise."""
_SECURITY = ("runAsUid", "runAsGid", "supplementalGroups")
_AS_THEY_ARE = (
    "annotations",
    "args",
    "category",
    "command",
    "imagePullSecrets",
    "labels",
    "nodeAffinityRequired",
    "nodePools",
    "nodeType",
    "podAffinity",
    "preemptibility",
    "priorityClass",
    "tolerations",
)
_NOT_OF_INFERENCES = {
    "backoffLimit": "belongs to workloads that complete, and an inference does not",
    "completions": "belongs to trainings",
    "parallelism": "belongs to trainings",
    "autoDeletionTimeAfterCompletionSeconds": (
        "belongs to workloads that complete, and an inference does not"
    ),
    "terminateAfterPreemption": "belongs to workloads that end: an inference waits and goes on",
    "terminationGracePeriodSeconds": (
        "needs Kubernetes: replicas of this machine have 10 s to end"
    ),
}


def shown_templates(connection: Connection, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """The specs of these templates with the names of what they refer to; of what is deleted the
    last one that it had."""
    if not rows:
        return []
    wanted = select(asset_reference.c.refers_to).where(
        asset_reference.c.asset_id.in_([row.id for row in rows])
    )
    query = select(asset.c.id, asset.c.name, asset.c.kind, asset.c.spec).where(
        asset.c.id.in_(wanted)
    )
    known: dict[str, Any] = {row.id: row for row in connection.execute(query)}
    return [_shown(row.spec, known) for row in rows]


def run_parameters_in_workload(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What stored run parameters say of the spec of a workload, connections left out."""
    part: dict[str, Any] = {name: parameters[name] for name in _AS_THEY_ARE if name in parameters}
    if security := {name: parameters[name] for name in _SECURITY if name in parameters}:
        part["security"] = security
    if variables := parameters.get("environmentVariables"):
        part["environmentVariables"] = [workload_variable(entry) for entry in variables]
    if "allowOverQuota" in parameters:
        part.setdefault("preemptibility", _preemptibility(parameters["allowOverQuota"]))
    if scaling := parameters.get("autoScaling"):
        part["autoscaling"] = _renamed(scaling)
    if access := parameters.get("servingPortAccess"):
        part["servingPort"] = dict(access)
    return part


def _in_workload(spec: Mapping[str, Any]) -> dict[str, Any]:
    return run_parameters_in_workload(spec.get("specificEnv", {}))


def _errors(spec: TemplateSpec, path: str) -> Iterator[FieldError]:
    yield from _asset_errors(spec.assets, f"{path}.assets")
    if spec.specific_env is not None:
        yield from _parameter_errors(spec.specific_env, f"{path}.specificEnv")
    if spec.distributed is not None:
        yield from _distributed_errors(spec.distributed, f"{path}.distributed")


def _asset_errors(assets: TemplateAssets | MasterAssets, path: str) -> Iterator[FieldError]:
    first: dict[str, int] = {}
    for index, source in given(assets.datasources):
        if first.setdefault(source.id.lower(), index) != index:
            problem = f"is given twice; entry {first[source.id.lower()]} has the same id"
            yield FieldError(f"{path}.datasources[{index}].id", problem)


def _parameter_errors(run: RunParameters, path: str) -> Iterator[FieldError]:
    variables = f"{path}.environmentVariables"
    yield from limit_errors(run.as_given(), path)
    yield from command_errors(run.command, run.args, path)
    yield from variable_errors(run.environment_variables, variables, _SOURCES)
    yield from label_errors(run.labels, f"{path}.labels")
    yield from annotation_errors(run.annotations, f"{path}.annotations")
    yield from priority_errors(run.category, run.priority_class, path)
    yield from affinity_errors(run.node_affinity_required, f"{path}.nodeAffinityRequired")
    yield from toleration_errors(run.tolerations, f"{path}.tolerations")
    yield from security_errors(_security_of(run), path)
    yield from _connection_errors(run.connections, f"{path}.connections")
    yield from _least_errors(run, path)
    if run.auto_scaling is not None:
        yield from _scaling_errors(run.auto_scaling, f"{path}.autoScaling")
    if run.serving_port_access is not None:
        yield from access_errors(run.serving_port_access, f"{path}.servingPortAccess")
    allowed, said = run.allow_over_quota, run.preemptibility
    if allowed is not None and said not in (None, _preemptibility(allowed)):
        problem = f"is {str(allowed).lower()}, which is preemptibility {_preemptibility(allowed)}"
        yield FieldError(f"{path}.allowOverQuota", f"{problem}, not {said}")


def _security_of(run: RunParameters) -> Security:
    fields = run.as_given()
    return Security.model_validate({name: fields[name] for name in _SECURITY if name in fields})


def _connection_errors(
    connections: Sequence[ConnectionChoice | None] | None, path: str
) -> Iterator[FieldError]:
    first: dict[str, int] = {}
    for index, choice in given(connections):
        entry = f"{path}[{index}]"
        name = choice.name or choice.connection_name
        if name is None:
            yield FieldError(f"{entry}.name", "is required")
            continue
        if choice.connection_name not in (None, name):
            yield FieldError(f"{entry}.connectionName", f"must be as name, which is {name!r}")
        if first.setdefault(name, index) != index:
            yield FieldError(f"{entry}.name", f"is given twice; entry {first[name]} has it")
        if choice.authorized_users and choice.authorized_groups:
            yield FieldError(
                f"{entry}.authorizedGroups", "must not be given together with authorizedUsers"
            )


def _least_errors(run: RunParameters, path: str) -> Iterator[FieldError]:
    for field, value, least in (
        ("backoffLimit", run.backoff_limit, 0),
        ("completions", run.completions, 1),
        ("parallelism", run.parallelism, 1),
        (
            "autoDeletionTimeAfterCompletionSeconds",
            run.auto_deletion_time_after_completion_seconds,
            0,
        ),
    ):
        if value is not None and value < least:
            yield FieldError(f"{path}.{field}", f"must be at least {least}, not {value}")


def _scaling_errors(scaling: RunAutoscaling, path: str) -> Iterator[FieldError]:
    names = {ours: theirs for theirs, ours in _METRIC_FIELDS.items()}
    checked = Autoscaling.model_validate(_renamed(scaling.submitted()))
    for error in contradictions(checked, path):
        field = error.path.removeprefix(f"{path}.")
        yield FieldError(f"{path}.{names.get(field, field)}", error.problem)


def _distributed_errors(distributed: Distributed, path: str) -> Iterator[FieldError]:
    workers = distributed.num_workers
    if workers is not None and workers < 0:
        yield FieldError(f"{path}.numWorkers", f"must be at least 0, not {workers}")
    master = distributed.master
    if master is None:
        return
    if distributed.no_master:
        yield FieldError(f"{path}.master", "must be left out where noMaster is true")
    if master.assets is not None:
        yield from _asset_errors(master.assets, f"{path}.master.assets")
    if master.specific_env is not None:
        yield from _parameter_errors(master.specific_env, f"{path}.master.specificEnv")


def _references(spec: TemplateSpec, path: str) -> Iterator[Reference]:
    yield from _asset_references(spec.assets, f"{path}.assets")
    yield from _parameter_references(spec.specific_env, f"{path}.specificEnv")
    master = spec.distributed.master if spec.distributed else None
    if master is not None:
        inner = f"{path}.distributed.master"
        if master.assets is not None:
            yield from _asset_references(master.assets, f"{inner}.assets")
        yield from _parameter_references(master.specific_env, f"{inner}.specificEnv")


def _asset_references(assets: TemplateAssets | MasterAssets, path: str) -> Iterator[Reference]:
    if assets.environment is not None:
        kinds = frozenset({ENVIRONMENT.name})
        yield Reference(f"{path}.environment", assets.environment, kinds)
    if assets.compute is not None:
        yield Reference(f"{path}.compute", assets.compute, frozenset({COMPUTE.name}))
    for index, source in given(assets.datasources):
        yield Reference(f"{path}.datasources[{index}].id", source.id, frozenset({source.kind}))


def _parameter_references(run: RunParameters | None, path: str) -> Iterator[Reference]:
    if run is not None:
        yield from variable_references(run.environment_variables, f"{path}.environmentVariables")


def _unfit(spec: Mapping[str, Any]) -> Iterator[FieldError]:
    if "distributed" in spec:
        yield FieldError("distributed", "describes a distributed job, which cannot be run here yet")
    run = spec.get("specificEnv", {})
    for field, reason in _NOT_OF_INFERENCES.items():
        if run.get(field):
            yield FieldError(f"specificEnv.{field}", reason)
    if run.get("restartPolicy", _RESTARTED) != _RESTARTED:
        yield FieldError("specificEnv.restartPolicy", "must be Always: replicas serve without end")
    if spec["assets"].get("workloadVolumes"):
        yield FieldError("assets.workloadVolumes", "is not supported yet: it comes with volumes")


_RESTARTED = "Always"


def _preemptibility(allow_over_quota: bool) -> str:
    return "preemptible" if allow_over_quota else "non-preemptible"


def _renamed(scaling: Mapping[str, Any]) -> dict[str, Any]:
    return {_METRIC_FIELDS.get(name, name): value for name, value in scaling.items()}


def _shown(spec: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    shown = {**spec, "assets": _shown_assets(spec["assets"], known)}
    if "specificEnv" in spec:
        shown["specificEnv"] = _shown_parameters(spec["specificEnv"])
    if "distributed" in spec:
        shown["distributed"] = dict(spec["distributed"])
        if master := spec["distributed"].get("master"):
            shown["distributed"]["master"] = _shown_master(master, known)
    return shown


def _shown_master(master: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    shown = dict(master)
    if "assets" in master:
        shown["assets"] = _shown_assets(master["assets"], known)
    if "specificEnv" in master:
        shown["specificEnv"] = _shown_parameters(master["specificEnv"])
    return shown


def _shown_assets(assets: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    environment = known[assets["environment"].lower()]
    shown: dict[str, Any] = {
        **assets,
        "environment": {**_named(environment), "toolTypes": _tools(environment.spec)},
    }
    if "compute" in assets:
        shown["compute"] = _named(known[assets["compute"].lower()])
    if "datasources" in assets:
        shown["datasources"] = [
            {**source, **_named(known[source["id"].lower()])} for source in assets["datasources"]
        ]
    return shown


def _shown_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    if "connections" not in parameters:
        return dict(parameters)
    # The published schema calls it by one of these names and requires the other.
    choices = [
        dict.fromkeys(("name", "connectionName"), connection_name(choice)) | choice
        for choice in parameters["connections"]
    ]
    return {**parameters, "connections": choices}


def connection_name(choice: Mapping[str, Any]) -> str:
    """Which connection of the environment a stored choice is about."""
    return str(choice.get("name") or choice["connectionName"])


def _named(row: Any) -> dict[str, str]:
    return {"id": row.id, "name": row.name}


def _tools(environment: Mapping[str, Any]) -> list[str]:
    found = [
        (connection.get("internalToolInfo") or connection.get("externalToolInfo"))["toolType"]
        for connection in environment.get("connections", ())
    ]
    return list(dict.fromkeys(found))


WORKLOAD_TEMPLATE = Kind(
    name=NAME,
    words="template",
    path="/api/v1/asset/workload-template",
    tag="Templates",
    resource=ResourceType.TEMPLATES,
    spec=TemplateSpec,
    errors=_errors,
    references=_references,
    shown=shown_templates,
    in_workload=_in_workload,
    unfit=_unfit,
    answer=ShownTemplate,
)
