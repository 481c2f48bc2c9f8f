"""Runs templates with ordinary images: refuses them, prepares their replicas, and tidies up."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from windlass.engines.engine import (
    Device,
    ImageState,
    ImageStatus,
    PinnedImage,
    Refusal,
    ReplicaCannotStart,
    ReplicaRefused,
    ReplicaSpec,
    ReplicaTemplate,
)
from windlass.engines.local.containers.container_engine import (
    ContainerEngine,
    EngineRefuses,
    EngineUnreachable,
)
from windlass.engines.local.containers.creation import (
    PLATFORM_LABEL,
    REPLICA_LABEL,
    ImageFacts,
    Place,
    creation,
    excluded_of_image,
    image_facts,
    runs_as_root,
)
from windlass.engines.local.containers.devices import device_request
from windlass.engines.local.containers.facts import EngineFacts
from windlass.engines.local.containers.images import Images
from windlass.engines.local.containers.notes import container_notes
from windlass.engines.local.containers.refusals import engine_missing, template_refusals
from windlass.engines.local.containers.settings import HOST_NETWORK, ContainerSettings
from windlass.engines.local.observations import IN_CONTAINER, NOTES, PORTS
from windlass.engines.local.probes import supervised_probe
from windlass.kit.supervision import specification as supervised

_REMOVAL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ContainerRuntime:
    """What this machine's container engine offers to replicas."""

    engine: ContainerEngine
    images: Images
    settings: ContainerSettings
    platform: str
    """What tells this platform's containers from another's."""
    devices: Sequence[Device]
    machine_memory_bytes: int
    notify: str | None
    notify_ready: str | None

    def refusals(self, template: ReplicaTemplate, host_images: str) -> Sequence[Refusal]:
        """Why a template could not run here; empty when it could.

        An engine that is away for now is waited for; one that never was there is missing.
        """
        try:
            facts = self.engine.find()
        except EngineUnreachable as error:
            known = self.engine.last_known
            if known is None:
                return [engine_missing(template.image, host_images, str(error))]
            facts = known
        return self._template_refusals(template, facts)

    def image(
        self, template: ReplicaTemplate, revision_id: str, pinned: PinnedImage | None
    ) -> ImageStatus:
        """Where the image of a revision stands; one that is not there is pulled."""
        refused = self.refusals(template, "")
        if refused and self.engine.last_known is None:
            return ImageStatus(
                ImageState.FAILED, reason="NoContainerEngine", message=refused[0].message
            )
        asked = template.container
        return self.images.obtain(
            template.image, asked.pull_policy, revision_id, pinned, asked.pull_credentials
        )

    def declared_ports(self, template: ReplicaTemplate) -> tuple[int, ...]:
        """The ports to map, the serving one first: a probe may ask one that is not declared."""
        probe = template.probe
        probed = probe.http_get.port if probe and probe.http_get else None
        ports = [template.container_port, *template.additional_ports]
        return tuple(dict.fromkeys([*ports, *([probed] if probed is not None else [])]))

    def prepare(self, spec: ReplicaSpec, ports: Mapping[int, int]) -> supervised.Specification:
        """What to supervise. Raises ReplicaRefused or ReplicaCannotStart."""
        try:
            facts = self.engine.find()
            image = image_facts(self.images.describe(spec.image.id if spec.image else ""))
        except (EngineUnreachable, EngineRefuses) as error:
            raise ReplicaCannotStart(f"the container engine: {error}") from error
        refused = self._template_refusals(spec.template, facts)
        refused += _image_refusals(spec, image, facts)
        if refused:
            raise ReplicaRefused("; ".join(f"{item.path}: {item.message}" for item in refused))
        place = Place(
            platform=self.platform,
            ports=ports,
            device_request=device_request(
                facts, [share.device_id for share in spec.devices], self.devices
            ),
            machine_memory_bytes=self.machine_memory_bytes,
        )
        return self._specification(spec, place, image, facts)

    def tidy(self, is_supervised: Callable[[str], bool]) -> Sequence[str]:
        """Remove containers of this platform that nobody supervises; their replicas' ids.

        `is_supervised` is asked after the containers were listed: who creates one supervises it
        already. Raises EngineUnreachable or EngineRefuses.
        """
        removed = []
        for name in self.replicas():
            if not is_supervised(name):
                self.engine.call(
                    "DELETE", f"/containers/{name}?force=true&v=true", seconds=_REMOVAL_SECONDS
                )
                removed.append(name)
        return removed

    def replicas(self) -> set[str]:
        """The ids of replicas that have a container. Raises EngineUnreachable or EngineRefuses."""
        wanted = json.dumps({"label": [f"{PLATFORM_LABEL}={self.platform}"]})
        listed = self.engine.get(f"/containers/json?all=true&filters={quote(wanted)}")
        return {str((item.get("Labels") or {}).get(REPLICA_LABEL, "")) for item in listed} - {""}

    def _template_refusals(self, template: ReplicaTemplate, facts: EngineFacts) -> list[Refusal]:
        has_devices = any(not device.simulated for device in self.devices)
        return list(template_refusals(template, facts, has_devices=has_devices))

    def _specification(
        self, spec: ReplicaSpec, place: Place, image: ImageFacts, facts: EngineFacts
    ) -> supervised.Specification:
        template = spec.template
        notes = container_notes(template.limits, facts, spec.devices, self.devices)
        own_network = self.settings.network != HOST_NETWORK
        return supervised.Specification(
            id=spec.replica_id,
            container=supervised.Container(
                socket=str(facts.socket),
                name=spec.replica_id,
                creation=creation(spec, image, place, facts, self.settings),
                port=template.container_port if own_network else None,
            ),
            port=place.ports[template.container_port],
            probe=supervised_probe(template.probe, place.ports),
            sampled_memory_bytes=(
                None if facts.limits_memory else template.limits.memory_bytes_limit
            ),
            notify=self.notify,
            notify_ready=self.notify_ready,
            holds_secrets=template.holds_secrets,
            labels={
                NOTES: "\n".join(notes),
                PORTS: json.dumps(dict(place.ports)),
                IN_CONTAINER: facts.name,
            },
        )


def _image_refusals(spec: ReplicaSpec, image: ImageFacts, facts: EngineFacts) -> list[Refusal]:
    """What is known only once the image is there."""
    refused = []
    if not image.has_command and spec.template.command is None and spec.template.args is None:
        refused.append(Refusal("spec.command", "is required: the image has no command of its own"))
    if spec.template.container.run_as_non_root and runs_as_root(spec, image) is not False:
        refused.append(
            Refusal(
                "spec.security.runAsNonRoot",
                f"the image runs as {image.user or 'root'}; set runAsUid to a number above 0",
            )
        )
    if facts.is_podman:
        refused += [
            Refusal(
                f"spec.environmentVariables[{index}].exclude",
                "Podman cannot take a variable of the image away; set its value to be empty",
            )
            for index in excluded_of_image(spec, image)
        ]
    return refused
