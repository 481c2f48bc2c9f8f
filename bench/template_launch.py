"""A launch from a template, against the creation of the same inference with all of it in its body.

The template has an environment and a compute resource and says something itself; both ways make the
same spec. One client, one request after another, each with a name of its own.
"""

import statistics
import tempfile
import time
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from bench.api_process import ApiProcess, Store, make_store, serving
from bench.measuring import Report, interleaved, median_ratio
from bench.records import fill

WORKLOADS = 1000
REQUESTS = 40
PAIRS = 9
_IMAGES = Path(__file__).parent.parent / "examples" / "canary" / "host-images.yaml"
_PORT = {"toolType": "custom", "connectionType": "ServingPort", "containerPort": 8000}
_ENVIRONMENT = {
    "image": "host/canary",
    "environmentVariables": [{"name": "LEVEL", "value": "info"}],
    "connections": [{"name": "api", "internalToolInfo": _PORT}],
}
_COMPUTE = {"cpuCoreRequest": 0.1, "cpuMemoryRequest": "64Mi"}
_SAID = {"labels": [{"name": "team", "value": "vision"}], "priorityClass": "high"}
_numbers = count()


def main() -> None:
    """Measure and report."""
    report = Report(
        "template-launch",
        {
            "store": f"SQLite, WAL, synchronous=FULL, {WORKLOADS:,} workloads",
            "requests": f"{PAIRS} rounds of {REQUESTS} each way, one after another",
            "API": "one process on core 0, 16 threads",
        },
    )
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(Path(folder, "store"), host_images=_IMAGES)
        fill(store, WORKLOADS)
        with serving(store, 0) as api, _client(api) as client:
            place = f"/api/v1/asset/workload-template/{_template(client, store)}/launch"
            plain = "/api/v1/workloads/inferences"
            spec = _ask(client, place, _body(store))["spec"]
            assert spec == _ask(client, plain, {**_body(store), "spec": spec})["spec"]
            times = interleaved(
                [
                    partial(_seconds, client, store, place, {}),
                    partial(_seconds, client, store, plain, {"spec": spec}),
                ],
                PAIRS,
            )
    report.add("launch, p50", statistics.median(times[0]) * 1000, "ms")
    report.add("plain create, p50", statistics.median(times[1]) * 1000, "ms")
    report.add("launch / plain create", median_ratio(*times), "times", "<= 1.5")
    report.finish()


def _client(api: ApiProcess) -> httpx.Client:
    return httpx.Client(base_url=api.url, headers=api.headers, timeout=60.0)


def _template(client: httpx.Client, store: Store) -> str:
    meta = {"name": "bench", "scope": "project", "projectId": int(store.context.tree.project_id)}
    assets = {
        kind: _ask(client, f"/api/v1/asset/{kind}", {"meta": meta, "spec": spec})["meta"]["id"]
        for kind, spec in {"environment": _ENVIRONMENT, "compute": _COMPUTE}.items()
    }
    body = {"meta": meta, "spec": {"assets": assets, "specificEnv": _SAID}}
    return str(_ask(client, "/api/v1/asset/workload-template", body)["meta"]["id"])


def _body(store: Store) -> dict[str, Any]:
    tree = store.context.tree
    ids = {"projectId": tree.project_id, "clusterId": tree.cluster_id}
    return {"name": f"launched-{next(_numbers)}", **ids}


def _ask(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(path, json=body)
    if answer.status_code != 202:
        raise AssertionError(f"{path} answered {answer.status_code}: {answer.text}")
    made: dict[str, Any] = answer.json()
    return made


def _seconds(client: httpx.Client, store: Store, path: str, fields: dict[str, Any]) -> float:
    """The median of one round."""
    taken = []
    for _ in range(REQUESTS):
        body = {**_body(store), **fields}
        begun = time.perf_counter()
        _ask(client, path, body)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
