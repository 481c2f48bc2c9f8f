"""The flow of the vendor's own examples, as a program: `runapy_flow.py ADMIN_JSON NAME`.

It is run where `import runai` gives that client, and prints what it saw as JSON.
"""

import json
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from runai import models
from runai.api_client import ApiClient
from runai.configuration import Configuration
from runai.exceptions import NotFoundException
from runai.runai_client import RunaiClient

PATIENCE_SECONDS = 60.0


def main(administrator: Path, name: str) -> dict[str, Any]:
    """What was seen on the way."""
    known = json.loads(administrator.read_text())
    configuration = Configuration(
        client_id=known["client_id"],
        client_secret=known["client_secret"],
        runai_base_url=known["url"],
    )
    client = RunaiClient(ApiClient(configuration))
    organizations = client.organizations
    cluster = organizations.clusters.get_clusters().data[0]
    department = organizations.departments.get_departments().data["departments"][0]
    project = organizations.projects.get_projects(filter_by=["name==default"]).data["projects"][0]

    inferences, workloads = client.workloads.inferences, client.workloads.workloads
    created = inferences.create_inference1(
        inference_creation_request=models.InferenceCreationRequest(
            name=name,
            project_id=project["id"],
            cluster_id=project["clusterId"],
            spec=models.InferenceSpecSpec(
                image="host/canary",
                args="--delay-listen 0.3",
                serving_port=models.ServingPort(container=8000),
                autoscaling=models.AutoScaling(min_replicas=1, max_replicas=1),
            ),
        )
    ).data
    workload_id = created["workloadId"]
    phases = phases_until_running(inferences, workload_id)
    listed = workloads.get_workloads(filter_by=[f"name=={name}", "type==Inference"]).data
    shown = workloads.get_workload(workload_id).data
    pods = client.workloads.pods.get_workload_pods(workload_id).data
    events = client.workloads.events.get_workload_events(workload_id).data
    with urllib.request.urlopen(f"{shown['urls'][0]}echo?from=runapy") as answer:
        echoed = json.load(answer)
    deleted = inferences.delete_inference(workload_id).data
    wait_until_gone(inferences, workload_id)
    return {
        "cluster": cluster,
        "department": department,
        "project": project,
        "created": created,
        "phases": phases,
        "listed": listed["workloads"],
        "shown": shown,
        "pods": pods["pods"],
        "events": events["events"],
        "echoed": echoed,
        "deleted": deleted,
        "count": workloads.count_workloads(filter_by=[f"name=={name}"]).data,
        "count_deleted": workloads.count_workloads(filter_by=[f"name=={name}"], deleted=True).data,
    }


def phases_until_running(inferences: Any, workload_id: str) -> list[str]:
    """The phases seen, each once in a row."""
    phases: list[str] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        phase = inferences.get_inference(workload_id).data["actualPhase"]
        if phases[-1:] != [phase]:
            phases.append(phase)
        if phase == "Running":
            return phases
        time.sleep(0.02)
    raise TimeoutError(f"not Running, but {phases}")


def wait_until_gone(inferences: Any, workload_id: str) -> None:
    """Wait for the client's own exception for 404."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            inferences.get_inference(workload_id)
        except NotFoundException:
            return
        time.sleep(0.02)
    raise TimeoutError("not gone")


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))
