"""What containers have of assets, and whose user they run as, as seen in /proc."""

import dataclasses
from typing import Any

from tests.api.identity_provider import running_provider
from tests.end_to_end.containers import container_canary, deployed, on_podman_alone
from tests.end_to_end.platforms import Platform
from tests.end_to_end.test_container_fields import MEBIBYTE, limit_files, status_of

ON_PODMAN_ALONE = on_podman_alone("container_engine")
AT_TENANT: dict[str, Any] = {"scope": "tenant"}


def made(platform: Platform, path: str, body: dict[str, Any], status: int) -> dict[str, Any]:
    answer = platform.call("POST", path, body)
    assert answer.status == status, answer.body
    shown: dict[str, Any] = answer.json()
    return shown


def ids_of(platform: Platform, workload_id: str) -> tuple[str, str, set[str]]:
    """The user, the group and the further groups of a workload's process."""
    status = status_of(platform, workload_id)
    return status["Uid"].split()[0], status["Gid"].split()[0], set(status["Groups"].split())


@ON_PODMAN_ALONE
def test_container_of_an_environment_and_a_compute_resource(container_platform: Platform) -> None:
    runs = {
        **container_canary(),
        "uidGidSource": "custom",
        "runAsUid": 1234,
        "runAsGid": 2345,
        "supplementalGroups": "3456",
        "overrideUidGidInWorkspace": True,
    }
    del runs["servingPort"]
    meta = {"name": "as-somebody", **AT_TENANT}
    path = "/api/v1/asset/environment"
    environment = made(container_platform, path, {"meta": meta, "spec": runs}, 202)["meta"]["id"]
    size = {"cpuCoreLimit": 0.5, "cpuMemoryRequest": "50M", "cpuMemoryLimit": "100Mi"}
    path = "/api/v1/asset/compute"
    compute = made(container_platform, path, {"meta": meta, "spec": size}, 202)["meta"]["id"]
    assets = {"environment": environment, "compute": compute}
    spec = {"assets": assets, "specificEnv": {"runAsGid": 77}}
    path = "/api/v1/asset/workload-template"
    template = made(container_platform, path, {"meta": meta, "spec": spec}, 202)["meta"]["id"]
    given = {"servingPort": {"container": 8000}, "security": {"runAsUid": 66}}
    with deployed(container_platform, "chosen", given, templateId=template) as created:
        uid, gid, groups = ids_of(container_platform, created["workloadId"])
        assert (uid, gid) == ("66", "77")
        assert "3456" in groups
        told = container_platform.ask("chosen").json()["cgroup"]
        held = limit_files({line.split(":")[1]: line.split(":")[2] for line in told})
        assert (int(held["memory"]), held["cpu"]) == (100 * MEBIBYTE, 0.5)
        for kind, asset in assets.items():
            shown = container_platform.get(f"/api/v1/asset/{kind}/{asset}?usageInfo=true")
            (use,) = shown["usedBy"]["inferences"]
            assert use["id"] == created["workloadId"]
    for kind, asset in {"workload-template": template, **assets}.items():
        assert container_platform.call("DELETE", f"/api/v1/asset/{kind}/{asset}").status == 202


@ON_PODMAN_ALONE
def test_container_user_of_an_identity_provider(container_platform: Platform) -> None:
    with running_provider() as provider:
        idp = made(container_platform, "/api/v1/idps", provider.creation(), 201)["alias"]
        rule = {
            "subjectId": "alice@example.org",
            "subjectType": "user",
            "roleId": 9,
            "scopeType": "project",
            "scopeId": container_platform.administrator["project_id"],
        }
        made(container_platform, "/api/v1/authorization/access-rules", rule, 201)
        body = {
            "grantType": "external_token_exchange",
            "externalToken": provider.id_token("alice"),
        }
        token = made(container_platform, "/api/v1/token", body, 200)["accessToken"]
    alice = dataclasses.replace(container_platform, _token=token)
    spec = container_canary(security={"uidGidSource": "fromIdpToken"})
    with deployed(alice, "hers", spec) as created:
        assert created["createdBy"] == "alice@example.org"
        uid, gid, groups = ids_of(container_platform, created["workloadId"])
        assert (uid, gid) == ("4242", "4300")
        assert {"7", "8"} <= groups
    known = container_platform.administrator
    refused = container_platform.call(
        "POST",
        "/api/v1/workloads/inferences",
        {
            "name": "theirs",
            "projectId": known["project_id"],
            "clusterId": known["cluster_id"],
            "spec": spec,
        },
    )
    assert refused.status == 400
    assert "tells no uid" in refused.json()["message"]
    assert container_platform.call("DELETE", f"/api/v1/idps/{idp}").status in (200, 202, 204)
