"""What the platform says of itself."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from windlass import __version__
from windlass.app.context import LEASE, Context
from windlass.app.tls.options import Tls
from windlass.control.lease import current_holder
from windlass.engines.local.containers.container_engine import EngineRefuses, EngineUnreachable
from windlass.engines.local.containers.facts import EngineFacts
from windlass.engines.local.containers.notes import engine_limits, engine_warning
from windlass.engines.local.local_engine import LocalEngine
from windlass.gateway.client import GateClient
from windlass.gateway.gateway import GatewayUnavailable
from windlass.kit.database import Database
from windlass.kit.timestamps import to_wire
from windlass.workloads import store
from windlass.workloads.tables import pod

_GATE_SERIES = {
    "windlass_gate_workloads": ("workloads", "Routes that the gate serves."),
    "windlass_gate_draining": ("draining", "Endpoints that are being drained."),
    "windlass_gate_held": ("held", "Requests that wait for a replica now."),
    "windlass_gate_held_answered_total": ("held_answered", "Held requests that were answered."),
    "windlass_gate_lent_slots": ("lent", "Slots of limited workloads that Envoy hands out itself."),
}


_SEPARATED = "Run as root: each project's processes run under a user id of their own."


class Platform:
    """Shows one control plane and what it sees."""

    def __init__(
        self, context: Context, database: Database, engine: LocalEngine, gate: GateClient
    ) -> None:
        self._context = context
        self._database = database
        self._engine = engine
        self._gate = gate
        self._catalogue = context.catalogue

    def view(self) -> dict[str, Any]:
        """What `windlass status` shows."""
        context = self._context
        gate = self._gate_status()
        return {
            "version": __version__,
            "tenantId": context.tree.tenant_id,
            "clusterId": context.tree.cluster_id,
            "dataDir": str(context.data.root),
            "database": "sqlite" if self._database.is_sqlite else "postgresql",
            "startedAt": to_wire(context.started_at),
            "engine": self._engine_view(),
            "gateway": {
                "url": context.gateway_url,
                "internalUrl": context.internal_url,
                **_gateway_view(gate),
            },
            "controllers": self._controllers_view(),
            "tls": _tls_view(context.tls, gate),
        }

    def gate_metrics(self) -> bytes:
        """The gate's counters as Prometheus text; only that it is down when it does not answer."""
        return _gate_metrics(self._gate_status())

    def _gate_status(self) -> Mapping[str, Any] | None:
        try:
            return self._gate.status()
        except GatewayUnavailable:
            return None

    def _engine_view(self) -> dict[str, Any]:
        node = self._engine.nodes()[0]
        allocated = self._allocated()
        view: dict[str, Any] = {
            "name": "local",
            "node": node.name,
            "cpuMillicores": node.cpu_millicores,
            "memoryBytes": node.memory_bytes,
            "devices": [
                {
                    "id": device.id,
                    "model": device.model,
                    "memoryBytes": device.memory_bytes,
                    "simulated": device.simulated,
                    "portionAllocated": allocated.get(device.id, 0.0),
                }
                for device in node.devices
            ],
            "trust": self._engine.trust_domain_note or _SEPARATED,
            "limits": self._engine.limits_note,
            "hostImages": sorted(self._catalogue.entries()),
            "containers": self._containers_view(),
        }
        problem = self._catalogue.problem
        return view if problem is None else {**view, "hostImagesError": problem}

    def _containers_view(self) -> dict[str, Any]:
        """The container engine: what it is, what it can enforce, and whether it answers."""
        engine = self._engine.container_engine
        problem: str | None = None
        try:
            facts: EngineFacts | None = engine.find()
        except EngineUnreachable as error:
            facts, problem = engine.last_known, str(error)
        view: dict[str, Any] = {"wanted": engine.is_wanted, "problem": problem}
        if facts is None:
            return {**view, "engine": None}
        return {
            **view,
            "engine": facts.name,
            "version": facts.version,
            "url": f"unix://{facts.socket}",
            "storage": f"{facts.storage} in {facts.root_directory}",
            "rootless": facts.rootless,
            "enforces": {
                "cpu": facts.limits_cpu,
                "memory": facts.limits_memory,
                "pids": facts.limits_pids,
            },
            "limits": engine_limits(facts),
            "warning": engine_warning(facts, self._engine.container_settings),
            "imageBytes": self._image_bytes(),
        }

    def _image_bytes(self) -> int | None:
        try:
            return sum(image.size_bytes for image in self._engine.images.stored())
        except (EngineUnreachable, EngineRefuses):
            return None

    def _allocated(self) -> dict[str, float]:
        query = select(pod.c.devices).where(pod.c.exited_at.is_(None), pod.c.devices.is_not(None))
        with self._database.read() as connection:
            stored = connection.execute(query).scalars().all()
        allocated: dict[str, float] = {}
        for devices in stored:
            for share in store.devices_of(devices):
                allocated[share.device_id] = allocated.get(share.device_id, 0.0) + share.portion
        return {device: round(portion, 6) for device, portion in allocated.items()}

    def _controllers_view(self) -> dict[str, Any]:
        with self._database.read() as connection:
            holder = current_holder(connection, LEASE)
        if holder is None:
            return {"running": False, "epoch": None}
        return {"running": not holder[0].is_dead(), "epoch": holder[1]}


def _gateway_view(status: Mapping[str, Any] | None) -> dict[str, str]:
    if status is None:
        return {"gate": "down", "envoy": "unknown"}
    return {"gate": "running", "envoy": "running" if status["envoy_connected"] else "down"}


def _tls_view(tls: Tls | None, status: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What clients outside are shown; None where they are spoken to in plain HTTP."""
    if tls is None:
        return None
    watch = tls.watch
    pair = watch.pair
    shown = None if status is None else status.get("certificate")
    return {
        "selfSigned": tls.self_signed is not None,
        "certificateFile": str(watch.files.certificate),
        "keyFile": str(watch.files.key),
        "serialNumber": pair.serial,
        "names": [*pair.hosts, *pair.addresses],
        "endsAt": to_wire(pair.ends_at),
        "problem": watch.problem,
        # Not known while the gate or Envoy is down.
        "atGateway": None if shown is None else shown == pair.certificate.fingerprint,
    }


def _gate_metrics(status: Mapping[str, Any] | None) -> bytes:
    lines = [
        "# HELP windlass_gate_up Whether the gate answers.",
        "# TYPE windlass_gate_up gauge",
        f"windlass_gate_up {int(status is not None)}",
    ]
    if status is not None:
        lines += _gate_lines(status)
    return ("\n".join(lines) + "\n").encode()


def _gate_lines(status: Mapping[str, Any]) -> list[str]:
    lines = []
    for series, (key, help_text) in _GATE_SERIES.items():
        kind = "counter" if series.endswith("_total") else "gauge"
        lines += [
            f"# HELP {series} {help_text}",
            f"# TYPE {series} {kind}",
            f"{series} {_number(status.get(key, 0))}",
        ]
    lines += [
        "# HELP windlass_envoy_connected Whether Envoy takes its configuration from the gate.",
        "# TYPE windlass_envoy_connected gauge",
        f"windlass_envoy_connected {int(bool(status['envoy_connected']))}",
    ]
    return lines


def _number(value: Any) -> float:
    return float(sum(value.values()) if isinstance(value, dict) else value)
