"""What must agree within the body of an inference, beyond the form of each field."""

from collections.abc import Iterator

from windlass.kit.errors import FieldError
from windlass.spec.autoscaling import autoscaling_errors
from windlass.spec.compute import compute_errors
from windlass.spec.connectivity import exposed_url_errors, port_errors
from windlass.spec.container import command_errors, image_errors
from windlass.spec.environment import environment_errors
from windlass.spec.metadata import annotation_errors, label_errors
from windlass.spec.model import given, structural_errors
from windlass.spec.placement import affinity_errors, toleration_errors
from windlass.spec.priority import priority_errors
from windlass.spec.security import security_errors
from windlass.spec.serving import serving_errors
from windlass.spec.storage import Storage, storage_errors
from windlass.workloads.inferences.metric_source import metric_source_errors
from windlass.workloads.inferences.naming import name_errors
from windlass.workloads.inferences.schemas import InferenceCreationRequest, InferenceSpec


def creation_errors(creation: InferenceCreationRequest) -> list[FieldError]:
    """Everything that is wrong with a body whose fields all have the right form.

    Whether the name fits its project is not known here; see `naming.name_errors`.
    """
    spec = creation.spec or InferenceSpec()
    return [
        *name_errors(creation.name, is_prefix=bool(creation.use_given_name_as_prefix)),
        *spec_errors(spec),
    ]


def spec_errors(spec: InferenceSpec, path: str = "spec") -> list[FieldError]:
    """Everything that is wrong with a spec whose fields all have the right form."""
    return [*structural_errors(spec, path), *_agreement_errors(spec, path)]


def _agreement_errors(spec: InferenceSpec, path: str) -> Iterator[FieldError]:
    yield from image_errors(spec.image, f"{path}.image")
    yield from command_errors(spec.command, spec.args, path)
    yield from environment_errors(spec.environment_variables, f"{path}.environmentVariables")
    yield from label_errors(spec.labels, f"{path}.labels")
    yield from annotation_errors(spec.annotations, f"{path}.annotations")
    yield from metric_source_errors(spec, path)
    yield from priority_errors(spec.category, spec.priority_class, path)
    yield from affinity_errors(spec.node_affinity_required, f"{path}.nodeAffinityRequired")
    yield from toleration_errors(spec.tolerations, f"{path}.tolerations")
    yield from port_errors(spec.ports, f"{path}.ports")
    yield from exposed_url_errors(spec.exposed_urls, f"{path}.exposedUrls")
    yield from serving_errors(spec.serving_port, f"{path}.servingPort")
    if spec.compute is not None:
        yield from compute_errors(spec.compute, f"{path}.compute")
    if spec.storage is not None:
        yield from storage_errors(spec.storage, f"{path}.storage")
        yield from _ephemeral_errors(spec.storage, f"{path}.storage")
    if spec.security is not None:
        yield from security_errors(spec.security, f"{path}.security")
    if spec.autoscaling is not None:
        yield from autoscaling_errors(spec.autoscaling, f"{path}.autoscaling")


def _ephemeral_errors(storage: Storage, path: str) -> Iterator[FieldError]:
    for index, claim in given(storage.pvc):
        if claim.ephemeral:
            yield FieldError(f"{path}.pvc[{index}].ephemeral", "cannot be true for an inference")
