"""Data sources over HTTP: complete records, of every kind."""

from typing import Any

import pytest

from tests.api.assets import CREDENTIALS, DATA_SOURCES, ask_for, make, names, place_of, some_name
from tests.api.serving import Api

CLAIM = {
    "path": "/data",
    "existingPvc": False,
    "claimName": "scratch",
    "readOnly": False,
    "ephemeral": False,
    "dataSharing": True,
    "claimInfo": {
        "size": "10Gi",
        "storageClass": "fast",
        "accessModes": {"readWriteOnce": True, "readOnlyMany": False, "readWriteMany": True},
        "volumeMode": "Filesystem",
        "addedAttrValues": [{"key": "tier", "value": "gold"}],
    },
}
SPECS: dict[str, dict[str, Any]] = {
    "pvc": CLAIM,
    "nfs": {"server": "nfs", "path": "/exports", "mountPath": "/models", "readOnly": True},
    "git": {"repository": "https://git", "branch": "main", "revision": "v1", "path": "/code"},
    "host-path": {
        "path": "/srv",
        "mountPath": "/models",
        "readOnly": False,
        "mountPropagation": "HostToContainer",
    },
    "s3": {"bucket": "models", "path": "/models", "url": "https://s3.example.org"},
    "config-map": {
        "configMap": "settings",
        "mountPath": "/etc/settings",
        "subPath": "one",
        "defaultMode": "0644",
        "data": {"pool": "small"},
    },
    "secrets": {"mountPath": "/secrets", "defaultMode": "0400"},
}
EVERY = pytest.mark.parametrize("kind", list(SPECS))


def spec_of(api: Api, kind: str) -> dict[str, Any]:
    spec = dict(SPECS[kind])
    if kind == "secrets":
        pairs = [{"key": "TOKEN", "value": "x"}]
        secret = make(api, f"{CREDENTIALS}/generic-secret", {"keyValuePairs": pairs})
        spec["credentialAssetId"] = secret["meta"]["id"]
    return spec


@EVERY
def test_a_data_source_keeps_every_field(api: Api, kind: str) -> None:
    path, spec = f"{DATA_SOURCES}/{kind}", spec_of(api, kind)
    made = make(api, path, spec)
    assert made["spec"] == spec
    assert api.get(place_of(made, path)) == made
    changed = {"meta": {"name": some_name()}, "spec": {"path": "/x"} if kind == "pvc" else spec}
    answer = api.ask("PUT", place_of(made, path), json=changed)
    assert answer.status_code == 202, answer.text
    assert answer.json()["spec"] == {**spec, **({"path": "/x"} if kind == "pvc" else {})}
    together = api.get(DATA_SOURCES, assetIds=made["meta"]["id"])["entries"]
    assert list(together[0]["spec"].values()) == [answer.json()["spec"]]
    assert api.ask("DELETE", place_of(made, path)).status_code == 202
    assert names(api, DATA_SOURCES, assetIds=made["meta"]["id"]) == set()


@pytest.mark.parametrize(
    ("kind", "spec", "message"),
    [
        ("pvc", {}, "spec.path: is required"),
        ("pvc", {"path": "data", "claimInfo": {"size": "1Gi"}}, "spec.path: must be an absolute"),
        ("pvc", {"path": "/d"}, "spec.claimInfo.size: is required"),
        ("pvc", {"path": "/d", "existingPvc": True}, "spec.claimName: is required"),
        ("pvc", {"path": "/d", "claimInfo": {"size": "1GB"}}, "spec.claimInfo.size: is not a q"),
        ("nfs", {"server": "s", "path": "/p"}, "spec.mountPath: is required"),
        ("git", {"path": "/p"}, "spec.repository: is required"),
        ("host-path", {"path": "p", "mountPath": "/m"}, "spec.path: must be an absolute path"),
        ("s3", {"path": "/p", "url": "u"}, "spec.bucket: is required"),
        ("config-map", {}, "spec.configMap: is required"),
        ("config-map", {"configMap": "A"}, "spec.configMap: must be lower-case"),
        ("config-map", {"configMap": "a", "defaultMode": "644"}, "spec.defaultMode: must be four"),
        ("config-map", {"configMap": "a", "data": {"a": 1}}, "spec.data.a: must be a string"),
        ("secrets", {"mountPath": "/m"}, "spec.credentialAssetId: is required"),
        (
            "s3",
            {
                "bucket": "b",
                "path": "/p",
                "url": "u",
                "accessKeyAssetId": "123e4567-e89b-12d3-a456-426614174000",
            },
            "spec.accessKeyAssetId: there is no asset",
        ),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(
    api: Api, kind: str, spec: Any, message: str
) -> None:
    answer = ask_for(api, f"{DATA_SOURCES}/{kind}", spec)
    assert answer.status_code == 400, answer.text
    assert answer.json()["message"].startswith(message)


@EVERY
def test_no_workload_can_use_one_yet(api: Api, kind: str) -> None:
    path = f"{DATA_SOURCES}/{kind}"
    made = make(api, path, spec_of(api, kind))
    sources = [{"id": made["meta"]["id"], "kind": made["meta"]["kind"]}]
    answer = api.post(api.creation(some_name("w"), assets={"datasources": sources}))
    assert answer.status_code == 400, answer.text
    told = answer.json()["message"]
    assert told.startswith("assets.datasources[0]")
    assert "is not supported yet: it comes with" in told
