"""Every honoured field about ports and callers, by what a client gets at the gateways.

The names are those that src/windlass/workloads/inferences/fields.yaml gives.
"""

import base64
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest
from websockets.sync.client import connect

from tests.end_to_end.platforms import Answer, Platform, canary, eventually, fetch
from tests.end_to_end.replicas import Deploy, Replica
from tests.integration.gateway.grpc_replica import client_of

TOOL = 9000
TWO_PORTS = {"image": "host/canary", "args": f"--also-listen-on $(PORT_{TOOL})"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    found: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return found


def ask(url: str, path: str = "echo", at: str | None = None, **options: Any) -> Answer:
    """One request to a URL, sent to the gateway `at` where its host cannot be looked up."""
    headers = {**options.pop("headers", {}), "Host": urlsplit(url).netloc}
    return fetch(f"{at or url.rstrip('/')}/{path}", headers=headers, **options)


def connections(replica: Replica) -> dict[str, dict[str, Any]]:
    """The ways in that are shown, by name."""
    return {each["name"]: each for each in replica.workload["externalConnections"]}


@pytest.mark.parametrize("minimum", [1, 0])
def test_serving_port_of_grpc(platform: Platform, deploy: Deploy, minimum: int) -> None:
    replica = deploy(
        image="host/words",
        servingPort={"container": 8001, "protocol": "grpc"},
        autoscaling={"minReplicas": minimum, "maxReplicas": 1},
    )
    if minimum == 0:
        eventually(lambda: not platform.pods(replica.id), "its sleep")
    known = platform.administrator
    host = f"{replica.name}-runai-{known['project_name']}.{known['domain']}"
    with client_of(urlsplit(platform.gateway).port or 0, host) as client:
        answer, call = client.unary("Shout").with_call(
            b"hello", metadata=[("mark", "one")], timeout=60
        )
        assert answer == b"HELLO"
        assert dict(call.trailing_metadata())["seen"] == "one"
        assert list(client.stream("Echo")(iter([b"a", b"b"]), timeout=60)) == [b"a", b"b"]
        with pytest.raises(grpc.RpcError) as raised:
            client.unary("Fail")(b"", timeout=60)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


def test_authorized_users_and_groups(platform: Platform, deploy: Deploy) -> None:
    own = str(claims(platform.token)["email"])

    def status(**access: Any) -> list[int]:
        replica = deploy(servingPort={"container": 8000, **access})
        asked = [{}, bearer(f"{platform.token}x"), bearer(platform.token)]
        return [platform.ask(replica.name, "/echo", headers=each).status for each in asked]

    def users(*names: str) -> dict[str, Any]:
        return {"authorizationType": "authorizedUsersOrGroups", "authorizedUsers": list(names)}

    assert status(**users("somebody@example.org", own)) == [401, 401, 200]
    assert status(**users("somebody@example.org")) == [401, 401, 403]
    one = {"authorizationType": "authorizedUsers", "authorizedUsers": [own.upper()]}
    assert status(**one) == [401, 401, 200]
    groups = {"authorizationType": "authorizedGroups", "authorizedGroups": [own, "nobodys"]}
    assert status(**groups) == [401, 401, 403], "a user's name is not that of a group"


def test_cluster_local_access_only(platform: Platform, deploy: Deploy) -> None:
    replica = deploy(servingPort={"container": 8000, "clusterLocalAccessOnly": True})
    known = platform.administrator
    internal, project = str(known["internal_url"]), known["project_name"]
    assert platform.ask(replica.name, "/echo").status == 404
    host = f"{replica.name}-runai-{project}.{known['domain']}"
    for name in (host, host.upper(), f"{replica.name}.runai-{project}.svc.cluster.local"):
        outside = fetch(f"{platform.gateway}/echo", headers={"Host": name})
        assert outside.status == 404
        assert outside.json()["message"] == "No workload is served at this address."
        inside = fetch(f"{internal}/echo", headers={"Host": name})
        assert inside.json()["path"] == "/echo"
    assert fetch(f"{internal}/{project}/{replica.name}/echo").status == 200
    assert replica.workload["urls"][0] == f"{internal}/{project}/{replica.name}/"

    everywhere = deploy()
    assert fetch(f"{internal}/{project}/{everywhere.name}/echo").status == 200


def test_ports(platform: Platform, deploy: Deploy) -> None:
    replica = deploy(
        **TWO_PORTS,
        ports=[
            {"container": TOOL, "serviceType": "NodePort"},
            {"container": 8000, "serviceType": "ClusterIP", "name": "api", "toolType": "mlflow"},
        ],
    )
    known = platform.administrator
    shown = platform.get(f"/api/v1/workloads/inferences/{replica.id}")["spec"]["ports"]
    chosen = shown[0]["external"]
    assert 30000 <= chosen <= 32767
    environment = replica.environment()
    assert environment[f"PORT_{TOOL}"] != environment["PORT"]
    node_port = connections(replica)[f"port-{TOOL}"]
    gateway_host = urlsplit(platform.gateway).hostname
    assert node_port["url"] == f"http://{gateway_host}:{chosen}/"
    assert node_port["containerPort"] == TOOL
    reached = fetch(f"{node_port['url']}echo").json()
    assert (str(reached["port"]), reached["path"]) == (environment[f"PORT_{TOOL}"], "/echo")

    inside = connections(replica)["api"]
    host = f"port-8000.{replica.name}.runai-{known['project_name']}.svc.cluster.local"
    assert urlsplit(inside["url"]).hostname == host
    assert (inside["connectionType"], inside["toolType"]) == ("ClusterIP", "mlflow")
    answer = ask(inside["url"], at=str(known["internal_url"]))
    assert str(answer.json()["port"]) == environment["PORT"]
    assert ask(inside["url"], at=platform.gateway).status == 404

    same = [{"container": TOOL, "serviceType": "NodePort", "external": chosen}]
    refused = platform.call(
        "POST",
        "/api/v1/workloads/inferences",
        {
            "name": "second",
            "projectId": known["project_id"],
            "clusterId": known["cluster_id"],
            "spec": canary(ports=same),
        },
    )
    assert refused.status == 409
    assert f"spec.ports[0].external: {chosen} is taken by Inference" in refused.json()["message"]
    platform.delete(replica.id)
    again = deploy(**TWO_PORTS, ports=same)
    reached = fetch(f"{connections(again)[f'port-{TOOL}']['url']}echo").json()
    assert str(reached["port"]) == again.environment()[f"PORT_{TOOL}"]


def test_a_node_port_that_something_else_has_is_a_failure(deploy: Deploy) -> None:
    with socket.socket() as taken:
        port = next(number for number in range(32767, 30000, -1) if _bind(taken, number))
        taken.listen()
        ports = [{"container": TOOL, "serviceType": "NodePort", "external": port}]
        failed = deploy("Failed", **TWO_PORTS, ports=ports).workload
    assert failed["phaseReason"] == "AddressInUse"
    assert f":{port}: something else listens there" in failed["phaseMessage"]


def test_exposed_urls(platform: Platform, deploy: Deploy) -> None:
    known = platform.administrator
    project, domain = known["project_name"], known["domain"]
    replica = deploy(
        **TWO_PORTS,
        exposedUrls=[
            {"container": TOOL, "name": "made", "toolType": "jupyter-notebook"},
            {"container": 8000, "url": "https://Tool.example.org/", "name": "asked"},
        ],
    )
    made, asked = connections(replica)["made"], connections(replica)["asked"]
    port = urlsplit(platform.gateway).port
    assert made["url"] == f"http://{project}-{replica.name}.{domain}:{port}/"
    assert made["toolType"] == "jupyter-notebook"
    assert asked["url"] == "https://Tool.example.org/"
    assert {made["url"], asked["url"]} <= set(replica.workload["urls"])
    environment = replica.environment()
    for way, variable in ((made, f"PORT_{TOOL}"), (asked, "PORT")):
        answer = ask(way["url"], at=platform.gateway, headers=bearer(platform.token))
        assert str(answer.json()["port"]) == environment[variable]
        seen = {name for name, _ in answer.json()["headers"]}
        assert "authorization" not in seen, "the token is not for the replica"

    raw = socket.create_connection((urlsplit(platform.gateway).hostname or "", port or 0))
    with connect(
        f"ws://{urlsplit(made['url']).hostname}/websocket",
        sock=raw,
        proxy=None,
        additional_headers=bearer(platform.token),
    ) as client:
        client.send("hello")
        assert client.recv(20) == "hello"


def test_exposed_urls_authorization(platform: Platform, deploy: Deploy) -> None:
    own = str(claims(platform.token)["email"])
    urls = [
        {"container": 8000, "name": "everybody"},
        {"container": 8001, "name": "typed", "authorizationType": "authenticatedUsers"},
        {"container": 8002, "name": "listed", "authorizedUsers": [own]},
        {
            "container": 8003,
            "name": "not-listed",
            "authorizationType": "authorizedUsers",
            "authorizedUsers": ["somebody@example.org"],
        },
        {"container": 8004, "name": "group", "authorizedGroups": ["nobodys"]},
    ]
    listening = " ".join(f"--also-listen-on $(PORT_{each['container']})" for each in urls[1:])
    replica = deploy(image="host/canary", args=listening, exposedUrls=urls)

    def statuses(name: str) -> tuple[int, int]:
        url = connections(replica)[name]["url"]
        without = ask(url, at=platform.gateway).status
        return without, ask(url, at=platform.gateway, headers=bearer(platform.token)).status

    assert statuses("everybody") == (401, 200)
    assert statuses("typed") == (401, 200)
    assert statuses("listed") == (401, 200)
    assert statuses("not-listed") == (401, 403)
    assert statuses("group") == (401, 403)
    assert platform.ask(replica.name, "/echo").status == 200, "its own port is public"


def test_a_request_to_an_additional_port_wakes_what_sleeps(
    platform: Platform, deploy: Deploy
) -> None:
    replica = deploy(
        **TWO_PORTS,
        ports=[{"container": TOOL, "serviceType": "NodePort"}],
        autoscaling={"minReplicas": 0, "maxReplicas": 1},
    )
    url = connections(replica)[f"port-{TOOL}"]["url"]
    eventually(lambda: not platform.pods(replica.id), "its sleep")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: fetch(f"{url}echo", timeout=60), range(8)))
    assert [answer.status for answer in answers] == [200] * 8
    (pod,) = platform.pods(replica.id)
    assert {answer.json()["port"] for answer in answers}.isdisjoint({pod["port"]})


def _bind(candidate: socket.socket, port: int) -> bool:
    try:
        candidate.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
