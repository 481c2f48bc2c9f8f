"""What autoscaling a thousand workloads costs: the autoscaler's own processor time and the gate's.

The gate, Envoy, the store and the autoscaler are real; one stub answers for every replica. The same
load runs once with the autoscaler and once without, and what Envoy and the gate need beyond that is
the autoscaler's, who asks them for counters once a second.
"""

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, cast

from bench.api_process import Store, make_store
from bench.gateway_processes import EPOCH, MeasuredGateway, measured_gateway, replicas
from bench.load import run_load
from bench.measuring import Report, cpu_seconds
from bench.records import write
from windlass.app.context import LEASE
from windlass.control.lease import Holder, Lease
from windlass.gateway.client import GateClient
from windlass.gateway.gateway import Endpoint, Route
from windlass.kit.clock import SteadyClock, SystemClock
from windlass.kit.database import Database
from windlass.workloads.autoscale import WorkloadAutoscaler
from windlass.workloads.surroundings import Surroundings, Tenure

WORKLOADS = 1_000
SECONDS = 40.0
SPEC = {
    "image": "host/canary",
    "servingPort": {"container": 8000},
    "autoscaling": {
        "minReplicas": 0,
        "maxReplicas": 10,
        "metric": "concurrency",
        "metricThreshold": 10,
    },
}
LOAD = """
local paths = {}
for number = 0, %d do paths[number] = "/team/w" .. number .. "/answer" end
request = function() return wrk.format("GET", paths[math.random(0, #paths)]) end
delay = function() return 100 end
"""
"""Fifty connections, each with a pause between two requests: some 500 requests a second."""


def main() -> None:
    """Measure and report; with a folder and an address of the store, autoscale until killed."""
    if len(sys.argv) > 1:
        _autoscale(Path(sys.argv[1]), sys.argv[2])
        return
    report = Report("autoscale-many", {"workloads": WORKLOADS, "seconds": SECONDS})
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        store = make_store(folder / "data")
        ids = write(store, WORKLOADS, SPEC, autoscaled=True)
        with (
            replicas(folder, ["stub"]) as ports,
            measured_gateway(folder / "gateway", 0, ports["stub"]) as gateway,
        ):
            for number, workload_id in enumerate(ids):
                gateway.client.put(_route(number, workload_id, ports["stub"]), EPOCH)
            _measure(report, gateway, store)
    report.finish()


def _measure(report: Report, gateway: MeasuredGateway, store: Store) -> None:
    watched = {"gate": gateway.gate.pid, "Envoy": gateway.envoy.pid}
    without = _shares(gateway, watched)
    argv = [sys.executable, "-m", "bench.autoscale_many"]
    autoscaler = subprocess.Popen([*argv, str(gateway.directory), store.context.database_url])
    # It begins by reading every spec.
    time.sleep(10)
    with_it = _shares(gateway, {**watched, "autoscaler": autoscaler.pid})
    autoscaler.kill()
    autoscaler.wait()
    total = sum(with_it.values()) - sum(without.values())
    report.add("autoscaler", with_it["autoscaler"], "% of a core")
    for name, share in without.items():
        report.add(f"{name}, more than without it", with_it[name] - share, "% of a core")
    report.add("all together", total, "% of a core", "<= 25")


def _shares(gateway: MeasuredGateway, watched: dict[str, int]) -> dict[str, float]:
    """Processor time under load, by process, in percent of one core."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LOAD % (WORKLOADS - 1))
        script.flush()
        address = f"http://127.0.0.1:{gateway.port}/"
        loading = threading.Thread(
            target=lambda: run_load(address, SECONDS + 4, 50, script=script.name)
        )
        loading.start()
        time.sleep(2)
        before = {name: cpu_seconds(pid) for name, pid in watched.items()}
        began = time.perf_counter()
        time.sleep(SECONDS)
        took = time.perf_counter() - began
        after = {name: cpu_seconds(pid) for name, pid in watched.items()}
        loading.join()
    return {name: (after[name] - before[name]) / took * 100 for name in watched}


def _route(number: int, workload_id: str, port: int) -> Route:
    return Route(
        workload_id=workload_id,
        hosts=(f"w{number}-runai-team.windlass.bench",),
        path_prefix=f"/team/w{number}",
        endpoints=(Endpoint(f"replica-{number}", "127.0.0.1", port),),
    )


def _autoscale(gateway: Path, database_url: str) -> None:
    from windlass.workloads.inferences.desired import desired_of_stored
    from windlass.workloads.kind import Kinds
    from windlass.workloads.scaling import AutoscalerTimes

    clock, database = SystemClock(), Database(database_url)
    epoch = Lease(database, clock, Holder.this_process(), LEASE).acquire()
    assert epoch is not None
    around = Surroundings(
        database=database,
        # It asks none of them while metrics come from the gateway.
        engine=cast(Any, None),
        places=cast(Any, None),
        secrets=cast(Any, None),
        gateway=GateClient(gateway),
        kinds=Kinds({"Inference": desired_of_stored}),
        tenure=Tenure(LEASE, epoch),
        cluster_id="",
        clock=SteadyClock(clock),
        wall_clock=clock,
        wake=lambda _kind, _key: None,
    )
    stop = threading.Event()
    WorkloadAutoscaler(around, AutoscalerTimes(), awaken=lambda _change, _state: False).run(stop)
    stop.wait()


if __name__ == "__main__":
    main()
