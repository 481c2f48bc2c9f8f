"""Why a container cannot be made of a template, each with the place in the request and the cure."""

from collections.abc import Iterator

from windlass.engines.engine import Refusal, ReplicaTemplate
from windlass.engines.local.containers.creation import GIVEN_BY_PLATFORM
from windlass.engines.local.containers.devices import gpu_refusal
from windlass.engines.local.containers.facts import EngineFacts
from windlass.engines.local.containers.references import Reference
from windlass.engines.local.texts import text_refusals

_LEAST_MEMORY_OF_DOCKER = 6 * 2**20


def engine_missing(image: str, host_images: str, problem: str) -> Refusal:
    """No engine answers, and none has."""
    return Refusal(
        "spec.image",
        f"the image {image!r} needs a container engine, and none was found on this machine "
        f"({problem}); install Podman or Docker, name its socket with `windlass up "
        f"--container-engine unix:///PATH`, use one of the host images ({host_images}), or add one "
        "to the file given to `windlass up --host-images`",
    )


def template_refusals(
    template: ReplicaTemplate,
    engine: EngineFacts,
    *,
    has_devices: bool,
) -> Iterator[Refusal]:
    """What a request may not say; `has_devices` is whether the machine has GPUs to give."""
    yield from _image_refusals(template.image)
    yield from _variable_refusals(template)
    yield from text_refusals(template)
    if template.working_dir is not None and not template.working_dir.startswith("/"):
        yield Refusal("spec.workingDir", "must begin with /: it is a folder of the image")
    memory = template.limits.memory_bytes_limit
    if memory is not None and memory < _LEAST_MEMORY_OF_DOCKER and not engine.is_podman:
        yield Refusal("spec.compute.cpuMemoryLimit", "must be at least 6Mi: Docker takes no less")
    if has_devices and template.device_count:
        refused = gpu_refusal(engine)
        if refused is not None:
            yield Refusal("spec.compute.gpuDevicesRequest", refused)


def _image_refusals(image: str) -> Iterator[Refusal]:
    try:
        Reference.parse(image)
    except ValueError as error:
        yield Refusal("spec.image", str(error))


def _variable_refusals(template: ReplicaTemplate) -> Iterator[Refusal]:
    given = {*GIVEN_BY_PLATFORM, *(f"PORT_{port}" for port in template.additional_ports)}
    for index, variable in enumerate(template.environment):
        if variable.name in given:
            yield Refusal(
                f"spec.environmentVariables[{index}].name",
                f"{variable.name} is given by the platform; leave it out",
            )
