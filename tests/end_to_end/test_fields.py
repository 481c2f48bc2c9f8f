"""Honoured fields of an inference's body, by what /proc and the replica say of it.

The names are those that src/windlass/workloads/inferences/fields.yaml gives.
"""

import itertools
import os
import sys
import time
from pathlib import Path
from typing import Any

from tests.end_to_end.certificates import write_certificate
from tests.end_to_end.platforms import ROOT, Platform, eventually, fetch
from tests.end_to_end.replicas import Deploy, Replica

CANARY = ROOT / "examples" / "canary" / "canary.py"


def variables(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def probes(**readiness: Any) -> dict[str, Any]:
    return {"readiness": {"handler": {"httpGet": {"path": "/ready"}}, **readiness}}


def test_name(platform: Platform, deploy: Deploy) -> None:
    replica = deploy(name="called-so")
    assert replica.name == "called-so"
    assert replica.environment()["RUNAI_JOB_NAME"] == "called-so"
    known = platform.administrator
    port = platform.gateway.rpartition(":")[2]
    host = f"called-so-runai-{known['project_name']}.{known['domain']}:{port}"
    assert replica.workload["urls"] == [
        f"{platform.gateway}/{known['project_name']}/called-so/",
        f"http://{host}/",
    ]
    by_host = fetch(f"{platform.gateway}/echo?a=%2F", headers={"Host": host})
    assert by_host.json()["path"] == "/echo?a=%2F"


def test_use_given_name_as_prefix(deploy: Deploy) -> None:
    replica = deploy(name="begin", fields={"useGivenNameAsPrefix": True})
    assert replica.name.startswith("begin-")
    assert replica.environment()["RUNAI_JOB_NAME"] == replica.name


def test_project_and_cluster(platform: Platform, deploy: Deploy) -> None:
    replica = deploy()
    known, shown = platform.administrator, replica.workload
    assert shown["projectId"] == known["project_id"]
    assert shown["clusterId"] == known["cluster_id"]
    assert replica.environment()["RUNAI_PROJECT"] == known["project_name"]


def test_image(deploy: Deploy) -> None:
    fixed = deploy(image="host/canary")
    assert fixed.words() == [sys.executable, "canary.py"]
    opened = deploy(image="host/open-canary")
    assert opened.words() == [sys.executable, str(CANARY), "from-entry"]
    assert opened.workload["images"] == ["host/open-canary"]


def test_command_and_args(deploy: Deploy) -> None:
    line = r"""plain "two words" 'single $(PORT)' back\ slash "" a'b'"c" * ~ $HOME `x` ; '#'"""
    replica = deploy(args=line)
    port = replica.environment()["PORT"]
    assert replica.words()[2:] == [
        *("plain", "two words", f"single {port}", "back slash", "", "abc"),
        *("*", "~", "$HOME", "`x`", ";", "#"),
    ]

    replica = deploy(
        image="host/open-canary",
        command=f"'{sys.executable}' -X utf8 {CANARY} of-command",
        args="'$(GREETING)' '$$(GREETING)' '$(NOBODY)' $(RUNAI_JOB_NAME)",
        environmentVariables=variables(GREETING="hello world"),
    )
    assert replica.words() == [
        *(sys.executable, "-X", "utf8", str(CANARY), "of-command"),
        *("hello world", "$(GREETING)", "$(NOBODY)", replica.name),
    ]


def test_environment_variables(deploy: Deploy) -> None:
    replica = deploy(
        image="host/open-canary",
        environmentVariables=variables(
            PLAIN="as it is",
            EMPTY="",
            COLOUR="blue",
            OWN="$(PLAIN), $$(PLAIN), $(NOBODY), $(PORT)",
            LINES="one\ntwo ä",
        ),
    )
    environment = replica.environment()
    port = environment["PORT"]
    assert environment["PLAIN"] == "as it is"
    assert environment["EMPTY"] == ""
    assert environment["COLOUR"] == "blue", "the request's wins over the entry's"
    assert environment["SHAPE"] == "round"
    assert environment["OWN"] == f"as it is, $(PLAIN), $(NOBODY), {port}"
    assert environment["LINES"] == "one\ntwo ä"
    assert environment["RUNAI_JOB_UUID"] == replica.id
    assert environment["RUNAI_NUM_OF_GPUS"] == "0"
    assert environment["NODE_NAME"] == replica.pod["nodeName"]
    assert "NOT_FOR_REPLICAS" not in environment
    known = {"PATH", "HOME", "LANG", "PORT", "CUDA_VISIBLE_DEVICES", "TOLD", "NODE_NAME"}
    ours = {name for name in environment if not name.startswith("RUNAI_")}
    assert ours == known | {"PLAIN", "EMPTY", "COLOUR", "SHAPE", "OWN", "LINES"}


def test_excluded_environment_variable(deploy: Deploy) -> None:
    replica = deploy(
        image="host/open-canary",
        environmentVariables=[{"name": "SHAPE", "exclude": True}],
    )
    environment = replica.environment()
    assert "SHAPE" not in environment
    assert environment["COLOUR"] == "red"
    assert environment["TOLD"] == f"red on {environment['PORT']}"


def test_working_dir(deploy: Deploy, scratch_root: Path) -> None:
    def folder(replica: Replica) -> str:
        return os.readlink(f"/proc/{replica.pid}/cwd")

    absolute = deploy(image="host/open-canary", workingDir=str(scratch_root))
    assert folder(absolute) == str(scratch_root)
    own = deploy(image="host/open-canary")
    assert folder(own) == own.environment()["HOME"]
    below = deploy(image="host/open-canary", workingDir="a/b")
    assert folder(below) == f"{below.environment()['HOME']}/a/b"


def test_serving_port(deploy: Deploy) -> None:
    replica = deploy(servingPort={"container": 1, "protocol": "http"})
    told = replica.told()
    assert int(told["port"]) == replica.pod["port"]
    assert int(told["port"]) != 1, "the declared port is nominal"


def test_authorization_type(platform: Platform, deploy: Deploy) -> None:
    everybody = deploy(servingPort={"container": 8000, "authorizationType": "public"})
    assert platform.ask(everybody.name).status == 200

    closed = deploy(servingPort={"container": 8000, "authorizationType": "authenticatedUsers"})

    def ask(*values: str) -> int:
        headers = {"Authorization": values[0]} if values else {}
        answer = platform.ask(closed.name, "/echo", headers=headers)
        if answer.status == 401:
            assert answer.headers["www-authenticate"].startswith("Bearer")
        return answer.status

    assert ask() == 401
    assert ask("Bearer a.b.c") == 401
    assert ask(f"Bearer {platform.token}x") == 401
    assert ask(f"Bearer {platform.token}") == 200


def test_readiness_probe_handler(deploy: Deploy, scratch_root: Path) -> None:
    def http_get(**fields: Any) -> dict[str, Any]:
        return probes(handler={"httpGet": fields})

    hurried = {"servingConfiguration": {"initializationTimeoutSeconds": 2}}
    replica = deploy(probes=http_get(path="/ready", port=8000, scheme="HTTP"))
    assert replica.told("/requests?path=/ready")["seconds"], "it was asked there"
    deploy("Failed", probes=http_get(path="/not-there"), **hurried)

    certificate = write_certificate(scratch_root / "certificate.pem")
    encrypted = {"args": f"--certificate {certificate}"}
    deploy(**encrypted, probes=http_get(path="/ready", scheme="HTTPS"))
    deploy("Failed", **encrypted, probes=http_get(path="/ready", scheme="HTTP"), **hurried)


def test_readiness_probe_timing(deploy: Deploy) -> None:
    careful = deploy(
        args="--slow-ready 1.2",
        probes=probes(initialDelaySeconds=2, periodSeconds=2, timeoutSeconds=3, successThreshold=2),
    )
    asked: list[float] = careful.told("/requests?path=/ready")["seconds"]
    assert seconds_before_it_counts(careful) + asked[0] >= 1.95, "the delay"
    assert len(asked) >= 2, "two successes, each slower than the usual time-out of 1 s"
    # One that came late may be followed soon.
    assert all(later - earlier >= 1.5 for earlier, later in itertools.pairwise(asked)), "period"

    hasty = deploy(probes=probes(periodSeconds=3, failureThreshold=1))
    port = hasty.pod["port"]
    before = requests_of(port)
    fetch(f"http://127.0.0.1:{port}/set-ready?value=false")
    eventually(lambda: not hasty.pod["ready"], "its being not ready")
    # A probe may have come just before, or just after.
    assert 1 <= requests_of(port) - before < 3, "one failure is enough, rather than three"
    assert "is not ready" in " ".join(hasty.events())


def seconds_before_it_counts(replica: Replica) -> float:
    """From the start of its process until its own clock begins, and what it takes to ask."""
    pid = replica.pid
    *_, counted = replica.told("/requests?path=/requests")["seconds"]
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return float(now - ticks / os.sysconf("SC_CLK_TCK") - counted)


def requests_of(port: int) -> int:
    return len(fetch(f"http://127.0.0.1:{port}/requests?path=/ready").json()["seconds"])


def test_replicas(platform: Platform, deploy: Deploy) -> None:
    replica = deploy(autoscaling={"minReplicas": 3, "maxReplicas": 3})
    shown = replica.workload
    assert shown["runningPods"] == 3
    assert shown["requestedPods"] == {"number": 3, "min": 3, "max": 3}
    assert len({pod["port"] for pod in platform.pods(replica.id)}) == 3
    pids: set[int] = set()

    def all_seen() -> bool:
        pids.add(replica.told("/echo")["pid"])
        return len(pids) == 3

    eventually(all_seen, "an answer of each")
    assert all(str(CANARY.name) in " ".join(words_of(pid)) for pid in pids)


def words_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def test_category_and_priority(deploy: Deploy) -> None:
    def shown(**spec: Any) -> tuple[Any, ...]:
        found = deploy(**spec).workload
        names = ("category", "priorityClassName", "priority", "preemptible")
        return tuple(found[name] for name in names)

    assert shown() == ("Deploy", "very-high", 150, False)
    assert shown(category="Train") == ("Train", "low", 40, True)
    assert shown(priorityClass="medium-low") == ("Deploy", "medium-low", 65, True)
    assert shown(priorityClass="low", preemptibility="non-preemptible") == (
        *("Deploy", "low", 40, False),
    )
    assert shown(preemptibility="preemptible") == ("Deploy", "very-high", 150, True)


def test_labels_and_annotations(platform: Platform, deploy: Deploy) -> None:
    labels = [{"name": "team", "value": "vision"}, {"name": "example.org/x", "value": ""}]
    annotations = [{"name": "note", "value": 'any text: ä, "quoted"'}]
    replica = deploy(labels=labels, annotations=annotations)
    shown = platform.get(f"/api/v1/workloads/inferences/{replica.id}")["spec"]
    assert shown["labels"] == labels
    assert shown["annotations"] == annotations


def test_initialization_timeout(platform: Platform, deploy: Deploy) -> None:
    began = time.monotonic()
    replica = deploy(
        "Failed",
        args="--not-ready",
        probes=probes(),
        servingConfiguration={"initializationTimeoutSeconds": 1},
    )
    assert time.monotonic() - began >= 1
    shown = replica.workload
    assert shown["phaseReason"] == "InitializationTimeout"
    assert "1 s" in shown["phaseMessage"]
    refused = platform.ask(replica.name)
    assert refused.status == 503
    assert "InitializationTimeout" in refused.json()["message"]


def test_request_timeout(platform: Platform, deploy: Deploy) -> None:
    replica = deploy(servingConfiguration={"requestTimeoutSeconds": 1})
    began = time.monotonic()
    late = platform.ask(replica.name, "/sleep?seconds=30")
    assert late.status == 504
    assert late.json()["code"] == 504
    assert 0.9 <= time.monotonic() - began < 20
    # It limits silence, not the whole answer.
    slow = platform.ask(replica.name, "/stream?count=4&interval=0.5")
    assert slow.body.count(b"chunk") == 4
