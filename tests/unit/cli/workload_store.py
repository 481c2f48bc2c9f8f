"""Enough of the API's workloads for commands to work on: kept in memory, changed by the test."""

import uuid
from collections.abc import Callable
from typing import Any

from tests.unit.client.scripted_platform import Answer, Request

CREATED_AT = "2026-01-01T00:00:00.000Z"


class WorkloadStore:
    """A handler for a scripted platform. `advance` is called before each look at a workload."""

    def __init__(self) -> None:
        self.workloads: dict[str, dict[str, Any]] = {}
        self.inferences: dict[str, dict[str, Any]] = {}
        self.pods: dict[str, list[dict[str, Any]]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.logs: dict[str, tuple[str, ...]] = {}
        self.advance: Callable[[dict[str, Any]], None] = lambda _workload: None
        self.refuse: Answer | None = None

    def add(self, name: str, project: str = "default", **changes: Any) -> dict[str, Any]:
        """A workload that is there already."""
        workload = {
            "id": str(uuid.uuid4()),
            "type": "Inference",
            "name": name,
            "projectName": project,
            "phase": "Running",
            "createdAt": CREATED_AT,
            "runningPods": 1,
            "requestedPods": {"number": 1},
            "urls": [f"http://127.0.0.1:8081/{project}/{name}/"],
            **changes,
        }
        self.workloads[workload["id"]] = workload
        self.inferences[workload["id"]] = {"spec": {"image": "host/echo"}}
        return workload

    def __call__(self, request: Request) -> Answer:
        """Answer one request."""
        match request.method, request.path.strip("/").split("/")[2:]:
            case "GET", ["workloads"]:
                return self._list(request)
            case "POST", ["workloads", "inferences"]:
                return self._create(request)
            case "GET", ["workloads", "inferences", workload_id]:
                return _found(self.inferences.get(workload_id))
            case "DELETE", ["workloads", "inferences", workload_id]:
                self.workloads[workload_id]["phase"] = "Deleting"
                return Answer(202, {"code": 202, "message": "Accepted."})
            case "GET", ["workloads", workload_id]:
                return self._look(workload_id)
            case "GET", ["workloads", workload_id, "pods"]:
                return Answer(body={"pods": self._pods(workload_id, request)})
            case "GET", ["workloads", workload_id, "events"]:
                return Answer(body={"events": self.events.get(workload_id, [])})
            case "GET", ["workloads", _, "pods", pod_id, "logs"]:
                return Answer(text=self.logs[pod_id])
            case "GET", ["org-unit", "projects"]:
                projects = [{"id": "2", "name": "default"}, {"id": "7", "name": "research"}]
                return Answer(body={"projects": [{**each, "clusterId": "c"} for each in projects]})
        return _found(None)

    def _list(self, request: Request) -> Answer:
        wanted = [
            each.split("==") for each in request.query.get("filterBy", [""])[0].split(",") if each
        ]
        rows = [
            workload
            for workload in self.workloads.values()
            if all(workload[field] == value for field, value in wanted)
        ]
        return Answer(body={"workloads": rows})

    def _pods(self, workload_id: str, request: Request) -> list[dict[str, Any]]:
        ended = request.query.get("deleted") == ["true"]
        pods = self.pods.get(workload_id, [])
        return [pod for pod in pods if ended == (pod["k8sPhase"] in ("Failed", "Succeeded"))]

    def _create(self, request: Request) -> Answer:
        if self.refuse is not None:
            return self.refuse
        workload = self.add(request.body["name"], phase="Creating", runningPods=0)
        answer = {**request.body, "workloadId": workload["id"], "actualPhase": "Creating"}
        return Answer(202, answer)

    def _look(self, workload_id: str) -> Answer:
        workload = self.workloads.get(workload_id)
        if workload is not None:
            self.advance(workload)
        return _found(self.workloads.get(workload_id))


def _found(value: dict[str, Any] | None) -> Answer:
    return Answer(body=value) if value else Answer(404, {"code": 404, "message": "Not found."})
