"""Two departments with three projects on eight GPUs: who may have how many, and what is said."""

from typing import Any

import pytest

from tests.end_to_end.platforms import Platform, canary, eventually

DEPARTMENTS = "/api/v1/org-unit/departments"
PROJECTS = "/api/v1/org-unit/projects"
OPTIONS = ("--simulate-gpus", "8xH100-80GB", "--node-label", "hardware=h100")


@pytest.mark.parametrize("own_platform", [OPTIONS], indirect=True)
def test_quotas_decide_who_gets_gpus(own_platform: Platform) -> None:
    tree = Tree(own_platform)
    pool = tree.post("/api/v1/node-pools", name="h100", labelKey="hardware", labelValue="h100")
    tree.pool = pool["id"]
    assert pool["status"]["nodes"] == [node["name"] for node in tree.get("/api/v1/nodes")["nodes"]]
    research = tree.unit(DEPARTMENTS, "research", 5)
    product = tree.unit(DEPARTMENTS, "product", 3)
    vision = tree.unit(PROJECTS, "vision", 3, research)
    speech = tree.unit(PROJECTS, "speech", 2, research)
    search = tree.unit(PROJECTS, "search", 3, product, limit=3)

    too_much = tree.call("POST", PROJECTS, tree.body("third", 1, research))
    assert too_much.status == 400
    assert "department's other projects deserve 5 GPUs" in too_much.json()["message"]

    filled = tree.submit("filled", vision, 3)
    own_platform.wait_for_phase(filled, "Running")
    assert own_platform.pods(filled)[0]["currentNodePool"] == "h100"
    over = tree.submit("over", vision, 1)
    reason = tree.reason(over)
    assert reason["phaseReason"] == "NonPreemptibleOverQuota"
    assert reason["orgType"] == "PROJECT"
    assert (
        "the quota of project vision is 3 GPUs, of which 3 GPUs are held" in reason["userMessage"]
    )

    own_platform.wait_for_phase(tree.submit("within", speech, 2), "Running")
    limited = tree.reason(tree.submit("limited", search, 4))
    assert limited["phaseReason"] == "OverLimit"
    assert "the limit of project search is 3 GPUs" in limited["userMessage"]

    used = tree.get(f"{PROJECTS}/{vision}")["status"]["quotaStatus"]
    assert used["allocated"]["gpu"] == used["allocatedNonPreemptible"]["gpu"] == 3
    assert used["requested"]["gpu"] == 4
    assert tree.get(f"{DEPARTMENTS}/{research}")["status"]["quotaStatus"]["allocated"]["gpu"] == 5
    held = tree.get(f"{PROJECTS}?filterBy=gpuAllocated>=1&sortBy=gpuAllocated&sortOrder=desc")
    assert [unit["name"] for unit in held["projects"]] == ["vision", "speech"]

    lowered = tree.call("PATCH", f"{PROJECTS}/{vision}/resources", [tree.resources(2)])
    assert (lowered.status, lowered.json()["message"]) == (
        400,
        "[0].gpu.deserved: is 2 GPUs, less than the 3 GPUs that non-preemptible workloads hold",
    )
    for path, gpus in ((f"{DEPARTMENTS}/{research}", 6), (f"{PROJECTS}/{vision}", 4)):
        raised = tree.call("PATCH", f"{path}/resources", [tree.resources(gpus)])
        assert raised.status == 200, raised.body
    own_platform.wait_for_phase(over, "Running")

    inside = tree.call("DELETE", f"{DEPARTMENTS}/{research}")
    assert inside.status == 400
    assert "Inference filled" in inside.json()["message"]
    leaving = tree.call("DELETE", f"{PROJECTS}/{vision}")
    assert leaving.status == 202
    assert tree.get(f"{PROJECTS}/{vision}")["status"]["phase"] == "Deleting"
    refused = tree.call("POST", "/api/v1/workloads/inferences", tree.creation("late", vision, 0))
    assert refused.status == 409
    eventually(lambda: tree.call("GET", f"{PROJECTS}/{vision}").status == 404, "the project's end")
    gone = tree.get("/api/v1/workloads?deleted=true")["workloads"]
    assert {item["name"] for item in gone} == {"filled", "over"}
    tree.unit(PROJECTS, "vision", 4, research)


class Tree:
    """Makes units with GPUs in one node pool."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.cluster = platform.administrator["cluster_id"]
        self.pool = ""

    def call(self, method: str, path: str, body: Any = None) -> Any:
        return self.platform.call(method, path, body)

    def get(self, path: str) -> Any:
        return self.platform.get(path)

    def post(self, path: str, **body: Any) -> Any:
        answer = self.call("POST", path, {"clusterId": self.cluster, **body})
        assert answer.status == 201, answer.body
        return answer.json()

    def resources(self, gpus: float, limit: float = -1) -> dict[str, Any]:
        return {"nodePool": {"id": self.pool}, "gpu": {"deserved": gpus, "limit": limit}}

    def body(self, name: str, gpus: float, parent: str | None, limit: float = -1) -> dict[str, Any]:
        made: dict[str, Any] = {
            "name": name,
            "clusterId": self.cluster,
            "resources": [self.resources(gpus, limit)],
            "defaultNodePools": ["h100"],
        }
        return made if parent is None else {**made, "parentId": parent}

    def unit(
        self, path: str, name: str, gpus: float, parent: str | None = None, limit: float = -1
    ) -> str:
        return str(self.post(path, **self.body(name, gpus, parent, limit))["id"])

    def creation(self, name: str, project: str, gpus: int) -> dict[str, Any]:
        spec = canary(compute={"gpuDevicesRequest": gpus} if gpus else {})
        return {"name": name, "projectId": project, "clusterId": self.cluster, "spec": spec}

    def submit(self, name: str, project: str, gpus: int) -> str:
        body = self.creation(name, project, gpus)
        answer = self.call("POST", "/api/v1/workloads/inferences", body)
        assert answer.status == 202, answer.body
        return str(answer.json()["workloadId"])

    def reason(self, workload_id: str) -> dict[str, Any]:
        def told() -> dict[str, Any] | None:
            reasons = self.platform.workload(workload_id)["pendingSchedulingMessages"]
            return reasons[0] if reasons else None

        return eventually(told, "the reason why it waits")
