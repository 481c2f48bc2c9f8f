"""Fields that say where a replica may be, by where it is and by why it waits."""

from typing import Any

from tests.end_to_end.platforms import Platform, canary, eventually
from tests.end_to_end.replicas import Deploy

FAR = {
    "nodeSelectorTerms": [
        {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["far"]}]}
    ]
}
TOLERATION = {"key": "dedicated", "operator": "Equal", "value": "lab", "effect": "NoSchedule"}


def test_node_type(deploy: Deploy) -> None:
    deploy(nodeType="lab")
    waiting = deploy("Pending", nodeType="dgx")
    assert "run.ai/type=dgx" in waiting.workload["phaseMessage"]


def test_node_affinity(deploy: Deploy) -> None:
    here = [
        {"key": "zone", "operator": "Exists"},
        {"key": "zone", "operator": "NotIn", "values": ["far"]},
        {"key": "rank", "operator": "Gt", "values": ["4"]},
        {"key": "rank", "operator": "Lt", "values": ["6"]},
        {"key": "absent", "operator": "DoesNotExist"},
    ]
    terms = [*FAR["nodeSelectorTerms"], {"matchExpressions": here}]
    deploy(nodeAffinityRequired={"nodeSelectorTerms": terms})
    waiting = deploy("Pending", nodeAffinityRequired=FAR)
    assert "zone In far" in waiting.workload["phaseMessage"]


def test_tolerations(deploy: Deploy) -> None:
    kept_off = deploy("Pending", nodeAffinityRequired=FAR)
    assert "simulated" not in kept_off.workload["phaseMessage"]
    let_in = deploy("Pending", nodeAffinityRequired=FAR, tolerations=[TOLERATION])
    told = eventually(lambda: let_in.workload["phaseMessage"], "the reason")
    assert "far-node, which is only simulated" in told
    for change in ({"value": "other"}, {"effect": "NoExecute"}):
        kept_off = deploy(
            "Pending", nodeAffinityRequired=FAR, tolerations=[{**TOLERATION, **change}]
        )
        assert "simulated" not in kept_off.workload["phaseMessage"], change


def test_pod_affinity(deploy: Deploy) -> None:
    two = {"minReplicas": 2, "maxReplicas": 2}
    deploy(podAffinity={"type": "Required", "key": "zone"}, autoscaling=two)
    waiting = deploy("Pending", podAffinity={"type": "Required", "key": "rack"}, autoscaling=two)
    assert "rack" in waiting.workload["phaseMessage"]
    deploy(podAffinity={"type": "Preferred", "key": "rack"}, autoscaling=two)


def test_node_pools(platform: Platform, deploy: Deploy) -> None:
    body = {
        "name": "far",
        "clusterId": platform.administrator["cluster_id"],
        "labelKey": "zone",
        "labelValue": "far",
    }
    made = platform.call("POST", "/api/v1/node-pools", body)
    assert made.status == 201, made.body
    path = f"/api/v1/node-pools/{made.json()['id']}"
    try:
        waiting = deploy("Pending", nodePools=["far"])
        assert waiting.workload["requestedNodePools"] == ["far"]
        reasons = waiting.workload["pendingSchedulingMessages"]
        assert [reason["nodePool"] for reason in reasons] == ["far"]
        second_choice = deploy(nodePools=["far", "default"])
        assert second_choice.workload["currentNodePools"] == ["default"]
        in_use = platform.call("DELETE", path)
        assert (in_use.status, waiting.name in str(in_use.body)) == (400, True)
        unknown = platform.call(
            "POST",
            "/api/v1/workloads/inferences",
            {**creation(platform), "spec": canary(nodePools=["default", "near"])},
        )
        assert unknown.status == 400
        assert unknown.json()["message"].startswith("spec.nodePools[1]: is 'near'")
        for replica in (waiting, second_choice):
            platform.delete(replica.id)
    finally:
        removed = platform.call("DELETE", path)
    assert removed.status == 204, removed.body


def creation(platform: Platform) -> dict[str, Any]:
    known = platform.administrator
    return {"name": "x", "projectId": known["project_id"], "clusterId": known["cluster_id"]}
