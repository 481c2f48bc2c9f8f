"""A whole platform, in production settings, for the time of a bench."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windlass.client import Administrator, Client, NotFound

CANARY_IMAGES = Path(__file__).parent.parent / "examples" / "canary" / "host-images.yaml"


@dataclass(frozen=True, slots=True)
class RunningPlatform:
    """One running control plane with all that it started."""

    data_dir: Path
    client: Client
    administrator: Administrator
    pid: int
    ready_seconds: float

    @property
    def gateway(self) -> str:
        """The gateway's address."""
        return self.administrator.gateway_url

    def submit(self, name: str, replicas: int = 1, **autoscaling: Any) -> str:
        """Create an inference of the canary; its id. `autoscaling` goes before `replicas`."""
        bounds = {"minReplicas": replicas, "maxReplicas": replicas}
        return self.submit_spec(
            name,
            {
                "image": "host/canary",
                "servingPort": {"container": 8000},
                "autoscaling": {**bounds, **autoscaling},
            },
        )

    def submit_spec(self, name: str, spec: dict[str, Any]) -> str:
        """Create an inference with that spec; its id."""
        created = self.client.create_inference(
            {
                "name": name,
                "projectId": self.administrator.project_id,
                "clusterId": self.administrator.cluster_id,
                "spec": spec,
            }
        )
        return created["workloadId"]

    def wait_until_running(self, workload_id: str) -> None:
        """Wait until it runs."""
        while self.client.workload(workload_id)["phase"] != "Running":
            time.sleep(0.05)

    def wait_until_gone(self, workload_id: str) -> None:
        """Wait until it was deleted."""
        with suppress(NotFound):
            while self.client.workload(workload_id):
                time.sleep(0.05)

    def delete(self, workload_id: str) -> None:
        """Delete it."""
        self.client.delete_inference(workload_id)


@contextmanager
def running_platform(data_dir: Path, *options: str) -> Iterator[RunningPlatform]:
    """`windlass up` on free ports, ended with everything afterwards."""
    data_dir.parent.chmod(0o711)
    began = time.perf_counter()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "windlass", "up", "--data-dir", str(data_dir)),
            *("--listen", "127.0.0.1:0", "--gateway", "127.0.0.1:0"),
            *("--host-images", str(CANARY_IMAGES)),
            *(options or ("--container-engine", "none")),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={name: value for name, value in os.environ.items() if "PROMETHEUS" not in name},
    )
    assert process.stdout is not None
    try:
        if not process.stdout.readline().startswith("windlass ready"):
            raise AssertionError("the platform did not start")
        ready = time.perf_counter() - began
        with Client.from_data_dir(data_dir) as client:
            yield RunningPlatform(
                data_dir, client, Administrator.read(data_dir), process.pid, ready
            )
    finally:
        down = [sys.executable, "-m", "windlass", "down", "--data-dir", str(data_dir)]
        subprocess.run(down, check=False)
        process.kill()
        process.wait()
