"""Where the replicas of an inference tell their own metrics.

Annotations say it as they do for Prometheus; without them it is where common servers tell theirs:
vLLM at `/metrics` of its serving port, NVIDIA NIM at `/v1/metrics`, Triton at port 8002.
"""

from collections.abc import Iterator, Mapping

from windlass.kit.errors import FieldError
from windlass.spec.model import given
from windlass.workloads.inferences.schemas import InferenceSpec
from windlass.workloads.scaling import LATENCY, MetricSource

PATH_ANNOTATION = "prometheus.io/path"
PORT_ANNOTATION = "prometheus.io/port"

_BY_GATEWAY = ("concurrency", "throughput", LATENCY)
_TRITON_METRICS = "nv_"
_TRITON_PORT = 8002
_NIM_IMAGES = ("nvcr.io/nim/", "/nim/")


def metric_source_of(spec: InferenceSpec) -> MetricSource | None:
    """Where the metric of `autoscaling` is read from replicas; None where the gateway has it."""
    metric = spec.autoscaling.metric if spec.autoscaling else None
    if metric is None or metric in _BY_GATEWAY:
        return None
    named = _annotations(spec)
    port = _port_of(named.get(PORT_ANNOTATION, "")) or _usual_port(metric)
    serving = spec.serving_port.container if spec.serving_port else None
    return MetricSource(
        path=_absolute(named.get(PATH_ANNOTATION) or _usual_path(spec.image or "", metric)),
        port=None if port == serving else port,
    )


def metric_source_errors(spec: InferenceSpec, path: str) -> Iterator[FieldError]:
    """Annotations that do not say where metrics are."""
    for index, annotation in given(spec.annotations):
        at = f"{path}.annotations[{index}].value"
        if annotation.name == PORT_ANNOTATION and _port_of(annotation.value or "") is None:
            yield FieldError(at, f"must be a port from 1 to 65535, not {annotation.value!r}")
        if annotation.name == PATH_ANNOTATION and any(
            not "!" <= character <= "~" or character == "#" for character in annotation.value or ""
        ):
            yield FieldError(at, "must be the path of a URL, such as /metrics")


def _annotations(spec: InferenceSpec) -> Mapping[str, str]:
    return {
        annotation.name: annotation.value or ""
        for _, annotation in given(spec.annotations)
        if annotation.name is not None
    }


def _port_of(text: str) -> int | None:
    if not text.isascii() or not text.isdigit() or len(text) > 5:
        return None
    return int(text) if 1 <= int(text) <= 65535 else None


def _usual_port(metric: str) -> int | None:
    return _TRITON_PORT if metric.startswith(_TRITON_METRICS) else None


def _usual_path(image: str, metric: str) -> str:
    # Several NIM are served by a Triton of their own, which tells its metrics itself.
    of_nim = any(part in image for part in _NIM_IMAGES) and _usual_port(metric) is None
    return "/v1/metrics" if of_nim else "/metrics"


def _absolute(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"
