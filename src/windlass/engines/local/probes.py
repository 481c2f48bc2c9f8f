"""Probes in the words of supervisors."""

from collections.abc import Mapping

from windlass.engines.engine import Probe
from windlass.kit.supervision import specification as supervised


def supervised_probe(
    probe: Probe | None, ports: Mapping[int, int] | None = None
) -> supervised.Probe | None:
    """The same probe; `ports` tells where a port other than the serving one is reached."""
    if probe is None:
        return None
    other = probe.http_get.port if probe.http_get else None
    return supervised.Probe(
        path=probe.http_get.path if probe.http_get else None,
        port=(ports or {}).get(other) if other is not None else None,
        scheme=probe.http_get.scheme if probe.http_get else "HTTP",
        initial_delay_seconds=probe.initial_delay_seconds,
        period_seconds=probe.period_seconds,
        timeout_seconds=probe.timeout_seconds,
        success_threshold=probe.success_threshold,
        failure_threshold=probe.failure_threshold,
    )
