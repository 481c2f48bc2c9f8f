"""Envoy's statistics of clusters, as its administration interface writes them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

WANTED = r"rq_(active|time|total)$"
"""Picks what `read_statistics` reads."""
GAUGES = r"endpoint\..*\.rq_(pending_)?active$"
"""Picks what `read_in_flight` reads."""
PASSING = r"^cluster\.inner-\d+(-as-client)?\.upstream_rq_(active|total)$"
"""Picks what `read_passing` reads."""
RETRIES = r"^cluster\..*\.upstream_rq_retry$"
"""Picks what `read_retries` reads."""
NOT_LEFT = r"^server\.dropped_stat_flushes$"
"""Picks what `read_not_left` reads."""

_CLUSTER = re.compile(r'="([^"]*)"} (\d+)\n')
_ENDPOINT = re.compile(r'="([^"]*)",envoy_endpoint_address="([^"]*)"} (\d+)\n')
_HISTOGRAM = re.compile(
    r'_bucket{envoy_cluster_name="([^"]*)",le="1000"} (\d+)\n'
    r".*\n"  # le="+Inf"
    r"[^ ]*_sum{[^ ]* (\S+)\n"
    r"[^ ]*_count{[^ ]* (\d+)\n"
)
_PASSING = re.compile(r"^cluster\.(.*?)\.upstream_rq_(active|total): (\d+)$", re.MULTILINE)
_RETRY = re.compile(r"^cluster\.(.*)\.upstream_rq_retry: (\d+)$", re.MULTILINE)
_GAUGE = re.compile(
    r"^cluster\.(.*?)\.endpoint\.(.*)\.rq_(?:pending_)?active: (\d+)$", re.MULTILINE
)


@dataclass(slots=True)
class ClusterStatistics:
    """One cluster's; names as in `TrafficCounters`."""

    started: int = 0
    in_flight: int = 0
    answered: int = 0
    answered_seconds: float = 0.0
    outlasting: int = 0
    endpoints_started: dict[str, int] = field(default_factory=dict)
    """By address, as `host:port`; so is `endpoints_in_flight`."""
    endpoints_in_flight: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passing:
    """Requests to an inner listener."""

    active: int = 0
    total: int = 0


def together(several: Iterable[ClusterStatistics]) -> ClusterStatistics:
    """Their sum."""
    total = ClusterStatistics()
    for each in several:
        total.started += each.started
        total.in_flight += each.in_flight
        total.answered += each.answered
        total.answered_seconds += each.answered_seconds
        total.outlasting += each.outlasting
        _add(total.endpoints_started, each.endpoints_started)
        _add(total.endpoints_in_flight, each.endpoints_in_flight)
    return total


def read_statistics(text: str) -> Mapping[str, ClusterStatistics]:
    """Statistics by cluster, from Prometheus' text format: one block for each metric."""
    clusters: dict[str, ClusterStatistics] = defaultdict(ClusterStatistics)
    for name, block in _blocks(text):
        match name:
            case "envoy_cluster_upstream_rq_total":
                for cluster, value in _CLUSTER.findall(block):
                    clusters[cluster].started = int(value)
            case "envoy_cluster_upstream_rq_active":
                for cluster, value in _CLUSTER.findall(block):
                    clusters[cluster].in_flight = int(value)
            case "envoy_cluster_endpoint_rq_total":
                for cluster, address, value in _ENDPOINT.findall(block):
                    clusters[cluster].endpoints_started[address] = int(value)
            case "envoy_cluster_endpoint_rq_active":
                for cluster, address, value in _ENDPOINT.findall(block):
                    clusters[cluster].endpoints_in_flight[address] = int(value)
            case "envoy_cluster_upstream_rq_time":
                _read_histograms(block, clusters)
    return clusters


def read_in_flight(text: str) -> Mapping[str, Mapping[str, int]]:
    """Requests in flight by cluster and address as `written`, from Envoy's own text format; among
    them those that wait for their connection."""
    clusters: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for cluster, address, value in _GAUGE.findall(text):
        clusters[cluster][address] += int(value)
    return clusters


def in_flight_of(
    clusters: Mapping[str, Mapping[str, int]], names: Iterable[str]
) -> Mapping[str, int]:
    """Requests in flight by address, over several clusters."""
    total: dict[str, int] = {}
    for name in names:
        _add(total, clusters.get(name, {}))
    return total


def read_passing(text: str) -> Mapping[str, Passing]:
    """Requests to inner listeners by cluster, from Envoy's own text format."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for cluster, name, value in _PASSING.findall(text):
        found[cluster][name] = int(value)
    return {cluster: Passing(**counts) for cluster, counts in found.items()}


def read_retries(text: str) -> Mapping[str, int]:
    """Retries by cluster, from Envoy's own text format."""
    return {cluster: int(value) for cluster, value in _RETRY.findall(text)}


def read_not_left(text: str) -> int:
    """What `EnvoyAdmin.words_not_left` says, from Envoy's own text format."""
    return int(text.rpartition(" ")[2])


def written(address: str) -> str:
    """An address as it is in the names of Envoy's statistics."""
    return address.replace(":", "_")


def _add(total: dict[str, int], counts: Mapping[str, int]) -> None:
    for key, count in counts.items():
        total[key] = total.get(key, 0) + count


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    for block in text.split("# TYPE "):
        name, _, lines = block.partition(" ")
        yield name, lines


def _read_histograms(block: str, clusters: Mapping[str, ClusterStatistics]) -> None:
    for cluster, within_a_second, milliseconds, count in _HISTOGRAM.findall(block):
        statistics = clusters[cluster]
        statistics.answered = int(count)
        statistics.answered_seconds = float(milliseconds) / 1e3
        statistics.outlasting = statistics.answered - int(within_a_second)
