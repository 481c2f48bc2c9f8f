"""Node pools, nodes and clusters."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.answers import refusal
from tests.api.serving import NOBODY, Api

POOLS = "/api/v1/node-pools"
NODES = "/api/v1/nodes"
CLUSTERS = "/api/v1/clusters"
PROJECTS = "/api/v1/org-unit/projects"


def body_of(api: Api, **changes: Any) -> dict[str, Any]:
    name = f"p-{uuid.uuid4().hex[:10]}"
    return {
        "name": name,
        "clusterId": api.context.tree.cluster_id,
        "labelKey": "pool",
        "labelValue": name,
        **changes,
    }


@pytest.fixture
def far(api: Api) -> Iterator[dict[str, Any]]:
    """The pool of the node that is only declared."""
    answer = api.ask("POST", POOLS, json=body_of(api, labelKey="zone", labelValue="far"))
    assert answer.status_code == 201, answer.text
    yield answer.json()
    assert api.ask("DELETE", f"{POOLS}/{answer.json()['id']}").status_code == 204


def names(nodes: list[dict[str, Any]]) -> list[str]:
    return [node["name"] for node in nodes]


def test_nodes_are_in_the_default_pool_unless_they_have_the_label_of_another(
    api: Api, far: dict[str, Any]
) -> None:
    machine, declared = sorted(api.get(NODES)["nodes"], key=lambda node: bool(node["simulated"]))
    assert (machine["nodePool"], declared["nodePool"]) == ("default", far["name"])
    assert machine["gpuInfo"] == {"gpuType": "H100-80GB", "gpuCount": 2}
    assert declared["gpuInfo"] == {"gpuType": "L4-24GB", "gpuCount": 4}
    assert "no replica can run there" in declared["conditions"][0]["message"]
    pools = {pool["name"]: pool for pool in api.get(POOLS)["nodepools"]}
    assert pools["default"]["status"]["nodes"] == [machine["name"]]
    assert pools[far["name"]]["status"]["nodes"] == ["far"]
    assert (far["phase"], far["isDefault"], pools["default"]["isDefault"]) == ("Ready", False, True)


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"filterBy": "name==far"}, 1),
        ({"filterBy": "gpuType=@H100"}, 1),
        ({"filterBy": "nodePool==default,status==Ready"}, 2),
        ({"filterBy": "nvLinkDomainUid==x"}, 0),
        ({"filterBy": f"clusterUuid=={NOBODY}"}, 0),
        ({"search": "FA"}, 1),
        ({"sortBy": "gpuType", "sortOrder": "desc"}, 2),
        ({"limit": "1"}, 1),
        ({"offset": "1"}, 1),
    ],
)
def test_lists_of_nodes_take_what_lists_take(api: Api, params: dict[str, Any], count: int) -> None:
    of_cluster = f"{CLUSTERS}/{api.context.tree.cluster_id}/nodes"
    for path in (NODES, of_cluster):
        assert len(api.get(path, **params)["nodes"]) == count
        if not {"limit", "offset", "sortBy"} & set(params):
            assert api.get(f"{path}/count", **params) == {"count": count}
    assert names(api.get(of_cluster, nodeName="far")["nodes"]) == ["far"]
    assert api.ask("GET", f"{CLUSTERS}/{NOBODY}/nodes").status_code == 404
    assert "sortBy" in api.refused(NODES, sortBy="x")
    assert "filterBy" in api.refused(NODES, filterBy="x==1")


def test_a_node_pool_lives_from_its_creation_to_its_end(api: Api) -> None:
    made = api.ask(
        "POST",
        POOLS,
        json=body_of(
            api,
            placementStrategy={"gpu": "spread"},
            schedulingConfiguration={
                "placementStrategy": {"cpu": "spread"},
                "minGuaranteedRuntime": "5d8h40m",
            },
        ),
    ).json()
    place = f"{POOLS}/{made['id']}"
    assert str(int(made["id"])) == made["id"]
    assert made["phase"] == "Empty"
    assert made["placementStrategy"] == {"cpu": "spread", "gpu": "spread"}
    assert made["schedulingConfiguration"]["minGuaranteedRuntime"] == "5d8h40m"
    assert api.get(place) == made
    patched = api.ask("PATCH", place, json={"placementStrategy": {"gpu": "binpack"}}).json()
    assert patched["placementStrategy"] == {"cpu": "spread", "gpu": "binpack"}
    replaced = api.ask("PUT", place, json={"labelValue": "elsewhere"}).json()
    assert replaced["placementStrategy"] == {"cpu": "binpack", "gpu": "binpack"}
    assert replaced["schedulingConfiguration"]["minGuaranteedRuntime"] is None
    assert (replaced["labelKey"], replaced["labelValue"]) == ("pool", "elsewhere")
    assert api.get(f"{POOLS}/count", filterBy=f"name=={made['name']}") == {"count": 1}
    assert api.ask("DELETE", place).status_code == 204
    for method, body in (("GET", None), ("DELETE", None), ("PUT", {}), ("PATCH", {})):
        assert api.ask(method, place, json=body).status_code == 404


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": "Upper"}, "name"),
        ({"name": None}, "name"),
        ({"labelKey": "a/b/c"}, "labelKey"),
        ({"labelKey": None}, "labelKey"),
        ({"labelValue": "a b"}, "labelValue"),
        ({"clusterId": NOBODY}, "clusterId"),
        ({"overProvisioningRatio": 2}, "overProvisioningRatio"),
        ({"networkTopologyId": NOBODY}, "networkTopologyId"),
        ({"gpuNetworkAccelerationDetection": "Use"}, "gpuNetworkAccelerationDetection"),
        ({"gpuNetworkAccelerationLabelKey": "x"}, "gpuNetworkAccelerationLabelKey"),
        ({"gpuResourceOptimization": {"swapEnabled": True}}, "gpuResourceOptimization.swapEnabled"),
        (
            {"gpuResourceOptimization": {"nodeLevelSchedulerEnabled": True}},
            "gpuResourceOptimization.nodeLevelSchedulerEnabled",
        ),
        (
            {"schedulingConfiguration": {"minGuaranteedRuntime": "soon"}},
            "schedulingConfiguration.minGuaranteedRuntime",
        ),
        (
            {
                "placementStrategy": {"gpu": "spread"},
                "schedulingConfiguration": {"placementStrategy": {"gpu": "binpack"}},
            },
            "placementStrategy.gpu",
        ),
    ],
)
def test_what_is_wrong_is_named(api: Api, change: dict[str, Any], place: str) -> None:
    answer = api.ask("POST", POOLS, json=body_of(api, **change))
    assert refusal(answer).startswith(f"{place}: ")


def test_names_and_labels_are_taken_once(api: Api, far: dict[str, Any]) -> None:
    taken = refusal(api.ask("POST", POOLS, json=body_of(api, name=far["name"])), 409)
    assert taken.startswith("name: ")
    label = {"labelKey": "zone", "labelValue": "far"}
    assert far["name"] in refusal(api.ask("POST", POOLS, json=body_of(api, **label)), 409)
    overlapping = {"labelKey": "rack", "labelValue": "r1"}
    message = refusal(api.ask("POST", POOLS, json=body_of(api, **overlapping)), 409)
    assert message.startswith("labelValue: node 'far' has the label rack=r1, and that of")
    other = api.ask("POST", POOLS, json=body_of(api)).json()
    moved = api.ask("PATCH", f"{POOLS}/{other['id']}", json=label)
    assert moved.status_code == 409
    assert api.ask("DELETE", f"{POOLS}/{other['id']}").status_code == 204


def test_the_default_pool_stays(api: Api) -> None:
    (pool,) = api.get(POOLS, filterBy="name==default")["nodepools"]
    assert "default" in refusal(api.ask("DELETE", f"{POOLS}/{pool['id']}"))
    assert "labelKey" in refusal(api.ask("PATCH", f"{POOLS}/{pool['id']}", json={"labelKey": "x"}))
    changed = api.ask(
        "PATCH", f"{POOLS}/{pool['id']}", json={"placementStrategy": {"cpu": "spread"}}
    )
    assert changed.json()["placementStrategy"]["cpu"] == "spread"
    api.ask("PUT", f"{POOLS}/{pool['id']}", json={})


def test_a_pool_in_use_stays(api: Api) -> None:
    pool = api.ask("POST", POOLS, json=body_of(api)).json()
    place = f"{POOLS}/{pool['id']}"
    unit = {
        "name": pool["name"],
        "clusterId": api.context.tree.cluster_id,
        "resources": [{"nodePool": {"id": pool["id"]}, "gpu": {"deserved": 0}}],
        "defaultNodePools": [pool["name"]],
    }
    project = api.ask("POST", PROJECTS, json=unit).json()
    assert project["effective"]["defaultNodePools"] == [pool["name"]]
    assert f"project {pool['name']} has it as a default" in refusal(api.ask("DELETE", place))
    reset: dict[str, Any] = {"resources": [], "defaultNodePools": []}
    assert api.ask("PUT", f"{PROJECTS}/{project['id']}", json=reset).status_code == 200
    spec = {**api.creation("x")["spec"], "nodePools": [pool["name"]]}
    asking = api.create(pool["name"], spec)
    shown = api.get(f"/api/v1/workloads/{asking['workloadId']}")
    assert shown["requestedNodePools"] == [pool["name"]]
    assert f"{pool['name']} asks for it" in refusal(api.ask("DELETE", place))
    api.finish_deletion(asking["workloadId"])
    assert api.ask("DELETE", place).status_code == 204
    left = api.get(f"{PROJECTS}/{project['id']}")["resources"]
    assert pool["name"] not in [entry["nodePool"]["name"] for entry in left]


def test_workloads_name_node_pools_that_are_there(api: Api) -> None:
    for pools, place in ((["default", "nowhere"], 1), (["default", "default"], 1)):
        spec = {**api.creation("x")["spec"], "nodePools": pools}
        message = refusal(api.post(api.creation("pools", spec)))
        assert message.startswith(f"spec.nodePools[{place}]: ")


def test_a_cluster_waits_to_be_connected_and_takes_no_workloads(api: Api) -> None:
    name = f"c-{uuid.uuid4().hex[:8]}"
    made = api.ask("POST", CLUSTERS, json={"name": name, "domain": "far.example.org"})
    assert made.status_code == 201
    cluster = made.json()
    assert cluster["status"]["state"] == "WaitingToConnect"
    assert cluster["lastLiveness"] is None
    assert api.ask("POST", CLUSTERS, json={"name": name}).status_code == 409
    place = f"{CLUSTERS}/{cluster['uuid']}"
    assert api.ask("PUT", place, json={"name": f"{name}-2"}).status_code == 204
    assert api.get(place)["name"] == f"{name}-2"
    assert refusal(api.ask("PUT", place, json={"name": "default"}), 409)
    unit = {"name": name, "clusterId": cluster["uuid"], "resources": []}
    project = api.ask("POST", PROJECTS, json=unit).json()
    assert project["clusterId"] == cluster["uuid"]
    body = api.creation("x", projectId=project["id"], clusterId=cluster["uuid"])
    assert "not connected" in refusal(api.post(body), 409)
    assert name in refusal(api.ask("DELETE", place))
    assert api.ask("DELETE", place, params={"force": "true"}).status_code == 204
    for path in (place, f"{PROJECTS}/{project['id']}"):
        assert api.ask("GET", path).status_code == 404


def test_an_empty_cluster_is_removed_and_the_own_one_never(api: Api) -> None:
    made = api.ask("POST", CLUSTERS, json={"name": f"c-{uuid.uuid4().hex[:8]}"}).json()
    assert api.ask("DELETE", f"{CLUSTERS}/{made['uuid']}").status_code == 202
    assert api.ask("DELETE", f"{CLUSTERS}/{made['uuid']}").status_code == 404
    own = f"{CLUSTERS}/{api.context.tree.cluster_id}"
    assert "runs on" in refusal(api.ask("DELETE", own, params={"force": "true"}))


def test_workload_properties_are_listed(api: Api) -> None:
    priorities = api.get("/api/v1/workload-priorities")["priorities"]
    assert [(item["name"], item["value"]) for item in priorities] == [
        ("very-low", 25),
        ("low", 40),
        ("medium-low", 65),
        ("medium", 80),
        ("medium-high", 90),
        ("high", 125),
        ("very-high", 150),
    ]
    highest = api.get("/api/v1/workload-priorities", filterBy="value>=100", sortOrder="desc")
    assert [item["name"] for item in highest["priorities"]] == ["very-high", "high"]
    assert "sortBy" in api.refused("/api/v1/workload-priorities", sortBy="x")
    categories = {
        item["name"]: item["id"] for item in api.get("/api/v1/workload-categories")["categories"]
    }
    assert set(categories) == {"Build", "Train", "Deploy"}
    (inference,) = api.get("/api/v1/workload-types", filterBy="name==Inference")["types"]
    assert inference["categoryId"] == categories["Deploy"]
    assert inference["priorityName"] == "very-high"
    assert api.get(f"/api/v1/workload-types/{inference['id']}") == inference
    assert api.get("/api/v1/workload-types", externalTypesOnly="true") == {"types": []}
    shown = api.get(f"/api/v1/workload-categories/{categories['Train']}")
    assert shown["name"] == "Train"
    for path in ("workload-types", "workload-categories"):
        assert api.ask("GET", f"/api/v1/{path}/{NOBODY}").status_code == 404
