"""What containers make of the fields of an inference, as seen from within and from /proc."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.end_to_end.containers import (
    container_canary,
    deployed,
    on_podman_alone,
    printed,
    shell,
)
from tests.end_to_end.platforms import Platform, eventually, fetch
from tools.container_engine import OwnEngine
from tools.container_images import SHELL_IMAGE
from tools.docker import Docker
from tools.podman import Podman

MEBIBYTE = 2**20
ON_PODMAN_ALONE = on_podman_alone("container_engine")


def status_of(platform: Platform, workload_id: str) -> dict[str, str]:
    """/proc/<pid>/status of the first process of a workload's container."""
    [pod] = platform.pods(workload_id)
    state = json.loads((platform.data_dir / "replicas" / pod["id"] / "state.json").read_bytes())
    lines = Path(f"/proc/{state['process']['pid']}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def refusal(platform: Platform, spec: dict[str, Any]) -> str:
    """Why a creation is refused."""
    known = platform.administrator
    body = {"name": "refused", "projectId": known["project_id"], "clusterId": known["cluster_id"]}
    answer = platform.call("POST", "/api/v1/workloads/inferences", {**body, "spec": spec})
    assert answer.status == 400, answer.body
    return str(answer.json()["message"])


def test_container_image(container_platform: Platform, container_engine: OwnEngine) -> None:
    spec = container_canary()
    with deployed(container_platform, "image", spec) as created:
        told = container_platform.ask("image").json()
        [pod] = container_platform.pods(created["workloadId"])
        assert told["pid"] == 1
        assert container_engine.containers() == {pod["id"]}
        made_of = container_engine.run("inspect", "--format", "{{.Image}}", pod["id"])
        assert made_of == container_engine.run("image", "inspect", "-f", "{{.Id}}", spec["image"])
    assert container_engine.containers() == set()


def test_container_command_and_args(container_platform: Platform) -> None:
    spec = container_canary("'two words' $(COLOUR) $$(COLOUR) $(NOBODY)")
    spec["environmentVariables"] = [{"name": "COLOUR", "value": "red"}]
    with deployed(container_platform, "args", spec):
        argv = container_platform.ask("args").json()["argv"]
        assert argv[-4:] == ["two words", "red", "$(COLOUR)", "$(NOBODY)"]
        assert argv[0].startswith("/"), "the image's own command"
    lines = printed(container_platform, "command", "echo replaced")
    assert lines == ["replaced"]


@ON_PODMAN_ALONE
def test_container_working_dir(container_platform: Platform) -> None:
    assert printed(container_platform, "dir", "pwd", workingDir="/etc") == ["/etc"]
    assert "spec.workingDir" in refusal(container_platform, shell("pwd", workingDir="etc"))


def test_container_environment(container_platform: Platform, container_engine: OwnEngine) -> None:
    variables = [
        {"name": "COLOUR", "value": "red"},
        {"name": "TOLD", "value": "$(COLOUR) on $(PORT)"},
        {"name": "NOT_THERE", "exclude": True},
    ]
    with deployed(
        container_platform, "env", container_canary(environmentVariables=variables)
    ) as created:
        told = container_platform.ask("env").json()["environment"]
    assert told["TOLD"] == "red on 8000"
    assert told["RUNAI_JOB_UUID"] == created["workloadId"]
    assert told["HOSTNAME"] == "env-0"
    expected = {"COLOUR", "TOLD", "PORT", "PATH", "HOME", "HOSTNAME"}
    expected |= {"NVIDIA_VISIBLE_DEVICES", "NODE_NAME"}
    expected |= {"TERM", "container"} if isinstance(container_engine, Podman) else set()
    assert {name for name in told if not name.startswith("RUNAI_")} == expected
    set_port = container_canary(environmentVariables=[{"name": "PORT", "value": "1"}])
    assert "spec.environmentVariables[0].name" in refusal(container_platform, set_port)


def test_container_environment_of_secrets(container_platform: Platform) -> None:
    place = {"scope": "tenant"}
    secret = {"keyValuePairs": [{"key": "token", "value": "s3cr3t"}]}
    settings = {"configMap": "settings", "data": {"pool": "small"}}
    made = []
    for path, meta, spec in (
        ("credentials/generic-secret", {"name": "token", **place}, secret),
        ("credentials/generic-secret", {"name": "own", "private": True, **place}, secret),
        ("datasource/config-map", {"name": "settings", **place}, settings),
    ):
        body = {"meta": meta, "spec": spec}
        answer = container_platform.call("POST", f"/api/v1/asset/{path}", body)
        assert answer.status == 202, answer.body
        made.append(f"/api/v1/asset/{path}/{answer.json()['meta']['id']}")
    variables = [
        {"name": "TOKEN", "secret": {"name": "token", "key": "token"}},
        {"name": "POOL", "configMap": {"name": "settings", "key": "pool"}},
        {"name": "OWN", "userCredential": {"name": "own", "key": "token"}},
    ]
    spec = container_canary(environmentVariables=variables)
    with deployed(container_platform, "secrets", spec):
        told = container_platform.ask("secrets").json()["environment"]
        assert not [
            file
            for file in container_platform.data_dir.rglob("*")
            if file.is_file() and b"s3cr3t" in file.read_bytes()
        ], "no file has it"
    assert (told["TOKEN"], told["POOL"], told["OWN"]) == ("s3cr3t", "small", "s3cr3t")
    for asset in made:
        assert container_platform.call("DELETE", asset).status in (202, 204)


def test_a_variable_of_the_image_is_taken_away(
    container_platform: Platform, container_engine: OwnEngine
) -> None:
    container_engine.import_shell("localhost/colourful:1", environment={"COLOUR": "red"})
    variables = [{"name": "COLOUR", "exclude": True}]
    spec = shell("env", image="localhost/colourful:1")
    with deployed(container_platform, "with-it", spec):
        assert "COLOUR=red" in container_platform.ask("with-it").body.decode().splitlines()
    spec["environmentVariables"] = variables
    if isinstance(container_engine, Docker):
        with deployed(container_platform, "without", spec):
            assert "COLOUR" not in container_platform.ask("without").body.decode()
        return
    created = container_platform.submit("without", spec)
    failed = container_platform.wait_for_phase(created["workloadId"], "Failed")
    assert "Podman cannot take a variable of the image away" in failed["phaseMessage"]
    container_platform.delete(created["workloadId"])


@ON_PODMAN_ALONE
def test_container_home(container_platform: Platform) -> None:
    script = "echo $HOME; touch $HOME/file && echo written"
    security = {"uidGidSource": "custom", "runAsUid": 1234}
    options = {"createHomeDir": True, "security": security}
    home, written = printed(container_platform, "home", script, **options)
    assert home.startswith("/home/")
    assert written == "written"


@ON_PODMAN_ALONE
def test_container_probe_of_another_port(container_platform: Platform) -> None:
    script = "mkdir /tmp/health; echo well > /tmp/health/index.html; httpd -p 9001 -h /tmp/health"
    probe = {"handler": {"httpGet": {"path": "/", "port": 9001}}, "failureThreshold": 1}
    spec = shell(script, probes={"readiness": {**probe, "periodSeconds": 1}})
    with deployed(container_platform, "probe", spec):
        assert container_platform.ask("probe").status == 200
    probe["handler"] = {"httpGet": {"path": "/missing", "port": 9001}}
    unhealthy = shell(script, probes={"readiness": probe})
    created = container_platform.submit("unhealthy", unhealthy)
    eventually(
        lambda: "404" in container_platform.workload(created["workloadId"])["phaseMessage"],
        "the answer of the probe",
    )
    container_platform.delete(created["workloadId"])


def test_container_limits(container_platform: Platform) -> None:
    compute = {
        "cpuCoreRequest": 0.2,
        "cpuCoreLimit": 0.5,
        "cpuMemoryRequest": "50M",
        "cpuMemoryLimit": "100Mi",
    }
    spec = container_canary(compute=compute)
    with deployed(container_platform, "limits", spec) as created:
        told = container_platform.ask("limits").json()
        groups = {line.split(":")[1]: line.split(":")[2] for line in told["cgroup"]}
        files = limit_files(groups)
        assert int(files["memory"]) == 100 * MEBIBYTE
        assert files["cpu"] == 0.5
        assert files["pids"] == "300"
        # More than the limit, and the kernel ends it.
        container_platform.ask("limits", "/allocate?megabytes=300")
        eventually(
            lambda: any(
                event["reason"] == "OOMKilled"
                for event in container_platform.events(created["workloadId"])
            ),
            "the event of the kill",
        )


def limit_files(groups: dict[str, str]) -> dict[str, Any]:
    """What the kernel holds the container to, in version 1 or 2 of cgroups."""
    if "memory" in groups:
        root = Path("/sys/fs/cgroup")
        cpu = root / "cpu" / groups["cpu"].lstrip("/")
        quota = int((cpu / "cpu.cfs_quota_us").read_text())
        return {
            "memory": (
                root / "memory" / groups["memory"].lstrip("/") / "memory.limit_in_bytes"
            ).read_text(),
            "cpu": quota / int((cpu / "cpu.cfs_period_us").read_text()),
            "pids": (root / "pids" / groups["pids"].lstrip("/") / "pids.max").read_text().strip(),
        }
    folder = Path("/sys/fs/cgroup", groups[""].lstrip("/"))
    quota, period = (int(word) for word in (folder / "cpu.max").read_text().split())
    return {
        "memory": (folder / "memory.max").read_text(),
        "cpu": quota / period,
        "pids": (folder / "pids.max").read_text().strip(),
    }


def test_container_shared_memory(container_platform: Platform) -> None:
    compute = {"largeShmRequest": True, "cpuMemoryLimit": "200Mi"}
    # No machine has as many processors, which is nobody's fault.
    compute |= {"cpuCoreRequest": 0.1, "cpuCoreLimit": 4096}
    script = "df -m /dev/shm | tail -1"
    [line] = printed(container_platform, "shm", script, compute=compute)
    assert line.split()[1] == "200"


def test_container_user(container_platform: Platform) -> None:
    security = {
        "uidGidSource": "custom",
        "runAsUid": 1234,
        "runAsGid": 2345,
        "supplementalGroups": "3456, 4567",
    }
    spec = container_canary(security=security)
    with deployed(container_platform, "user", spec) as created:
        told = container_platform.ask("user").json()
        assert (told["uid"], told["gid"]) == (1234, 2345)
        assert {3456, 4567} <= set(told["groups"])
        assert status_of(container_platform, created["workloadId"])["NoNewPrivs"] == "1"
    contradiction = {"uidGidSource": "fromTheImage", "runAsUid": 1}
    assert "spec.security.runAsUid" in refusal(
        container_platform, container_canary(security=contradiction)
    )


@ON_PODMAN_ALONE
def test_container_that_must_not_be_root(container_platform: Platform) -> None:
    security: dict[str, Any] = {"runAsNonRoot": True}
    created = container_platform.submit("as-root", container_canary(security=security))
    failed = container_platform.wait_for_phase(created["workloadId"], "Failed")
    assert "runAsUid" in failed["phaseMessage"]
    container_platform.delete(created["workloadId"])
    security |= {"runAsUid": 1234}
    assert printed(container_platform, "not-root", "id -u", security=security) == ["1234"]


@ON_PODMAN_ALONE
def test_container_capabilities(container_platform: Platform) -> None:
    net_admin = 1 << 12
    for name, capabilities in (("without", []), ("with", ["NET_ADMIN"])):
        spec = container_canary(security={"capabilities": capabilities})
        with deployed(container_platform, name, spec) as created:
            effective = int(status_of(container_platform, created["workloadId"])["CapEff"], 16)
        assert bool(effective & net_admin) == bool(capabilities)


def test_container_seccomp_profile(container_platform: Platform) -> None:
    for name, profile, mode in (("default", "RuntimeDefault", "2"), ("free", "Unconfined", "0")):
        spec = container_canary(security={"seccompProfileType": profile})
        with deployed(container_platform, name, spec) as created:
            assert status_of(container_platform, created["workloadId"])["Seccomp"] == mode


def test_container_read_only_root(container_platform: Platform) -> None:
    script = "touch /file && echo written || echo refused"
    for name, read_only, told in (("rw", False, "written"), ("ro", True, "refused")):
        options = {"security": {"readOnlyRootFilesystem": read_only}}
        assert printed(container_platform, name, script, **options)[-1] == told


@ON_PODMAN_ALONE
def test_container_serving_port(container_platform: Platform) -> None:
    spec = {**container_canary(), "servingPort": {"container": 9123}}
    with deployed(container_platform, "port", spec) as created:
        told = container_platform.ask("port").json()
        assert told["port"] == "9123"
        [pod] = container_platform.pods(created["workloadId"])
        state = container_platform.data_dir / "replicas" / pod["id"] / "specification.json"
        bindings = json.loads(state.read_bytes())["container"]["creation"]["HostConfig"]
        [[bound]] = [bindings["PortBindings"]["9123/tcp"]]
        assert bound["HostIp"] == "127.0.0.1", "nobody outside the machine reaches it"
    loopback = shell("true", args="'exec httpd -f -p 127.0.0.1:8000'")
    created = container_platform.submit("loopback", loopback)
    eventually(
        lambda: (
            "listen on 0.0.0.0"
            in container_platform.workload(created["workloadId"])["phaseMessage"]
        ),
        "the advice",
    )
    container_platform.delete(created["workloadId"])


@ON_PODMAN_ALONE
def test_image_pull_policy(container_platform: Platform) -> None:
    missing = {"image": "localhost/nobody:1", "servingPort": {"container": 8000}}
    created = container_platform.submit("never", {**missing, "imagePullPolicy": "Never"})
    workload = eventually(
        lambda: _with_reason(container_platform, created["workloadId"], "ErrImageNeverPull"),
        "the reason",
    )
    assert "IfNotPresent" in workload["phaseMessage"], "the cure"
    container_platform.delete(created["workloadId"])
    there = container_canary(imagePullPolicy="Never")
    with deployed(container_platform, "there", there):
        assert container_platform.ask("there").status == 200


@ON_PODMAN_ALONE
def test_gpus_of_containers_are_given_out(container_platform: Platform) -> None:
    spec = shell("echo $NVIDIA_VISIBLE_DEVICES", compute={"gpuDevicesRequest": 2})
    with deployed(container_platform, "gpus", spec) as created:
        assert container_platform.ask("gpus").body == b"void\n", "simulated ones are not there"
        [devices] = [
            event["message"]
            for event in container_platform.events(created["workloadId"])
            if "simulated" in event["message"]
        ]
        assert "container" in devices


def _with_reason(platform: Platform, workload_id: str, reason: str) -> dict[str, Any] | None:
    shown = platform.workload(workload_id)
    return shown if shown["phaseReason"] == reason else None


@ON_PODMAN_ALONE
def test_the_shell_image_has_no_command_of_its_own(container_platform: Platform) -> None:
    spec = {"image": SHELL_IMAGE, "servingPort": {"container": 8000}}
    created = container_platform.submit("no-command", spec)
    failed = container_platform.wait_for_phase(created["workloadId"], "Failed")
    assert "spec.command" in failed["phaseMessage"]
    container_platform.delete(created["workloadId"])


def test_container_ports(container_platform: Platform) -> None:
    exposed = {
        "ports": [{"container": 9000, "serviceType": "NodePort"}],
        "exposedUrls": [{"container": 9001, "name": "tool"}],
    }
    listening = "--also-listen-on $(PORT_9000) --also-listen-on $(PORT_9001)"
    with deployed(container_platform, "ports", container_canary(listening, **exposed)) as created:
        shown = container_platform.workload(created["workloadId"])["externalConnections"]
        urls = {each["name"]: each["url"] for each in shown}
        answer = fetch(f"{urls['port-9000']}echo")
        assert answer.json()["port"] == 9000, "a container keeps the ports that it declares"
        headers = {"Host": urlsplit(urls["tool"]).netloc}
        tool = f"{container_platform.gateway}/echo"
        assert fetch(tool, headers=headers).status == 401
        signed_in = {**headers, "Authorization": f"Bearer {container_platform.token}"}
        assert fetch(tool, headers=signed_in).json()["port"] == 9001
