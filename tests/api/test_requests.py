"""What holds for requests of every kind, sound or hostile."""

import json
import socket
import uuid
from typing import Any

import pytest
from prometheus_client import REGISTRY

from tests.api.serving import INFERENCES, WORKLOADS, Api
from tests.end_to_end.platforms import eventually
from windlass.kit.http import MAXIMUM_BODY_BYTES


@pytest.mark.parametrize(
    "path",
    ["/", "/api", "/api/v1", "/api/v1/nothing", "/api/v1/workloads/", "//api/v1/workloads", "/%00"],
)
def test_an_unknown_path_is_404(api: Api, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = api.ask(method, path)
        assert answer.status_code == 404
        assert "/openapi.json" in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", INFERENCES),
        ("POST", WORKLOADS),
        ("DELETE", WORKLOADS),
        ("GET", "/api/v1/token"),
        ("POST", "/healthz"),
        ("TRACE", WORKLOADS),
    ],
)
def test_an_unknown_method_is_405(api: Api, method: str, path: str) -> None:
    answer = api.ask(method, path)
    assert answer.status_code == 405
    assert method in answer.json()["message"]
    assert method not in answer.headers["allow"]


def test_a_path_is_not_repeated_at_any_length(api: Api) -> None:
    answer = api.ask("GET", "/" + "x" * 20_000)
    assert answer.status_code == 404
    assert len(answer.content) < 1000


def test_every_answer_carries_an_id_of_its_request(api: Api) -> None:
    paths = ["/healthz", WORKLOADS, f"{WORKLOADS}?limit=x", "/nothing"]
    ids = {api.ask("GET", path).headers["x-request-id"] for path in paths}
    assert len(ids) == len(paths)


def test_events_name_who_asked_and_by_which_request(api: Api) -> None:
    created = api.post(api.creation("asked-for"))
    workload_id = created.json()["workloadId"]
    deleted = api.delete(workload_id)
    events = api.get(f"{WORKLOADS}/{workload_id}/events")["events"]
    asked = {event["reason"]: event for event in events}
    assert asked["Created"]["requestId"] == created.headers["x-request-id"]
    assert asked["Deleting"]["requestId"] == deleted.headers["x-request-id"]
    assert "administrator" in asked["Deleting"]["message"]


def test_the_callers_id_is_kept_if_it_is_one(api: Api) -> None:
    own = str(uuid.uuid4())
    kept = api.ask("GET", "/healthz", headers={"X-Request-Id": own})
    assert kept.headers["x-request-id"] == own
    for strange in ("x", "a" * 999, own[:-1]):
        changed = api.ask("GET", "/healthz", headers={"X-Request-Id": strange})
        assert changed.headers["x-request-id"] != strange


@pytest.mark.parametrize("path", [INFERENCES, "/api/v1/token"])
def test_a_body_larger_than_any_sound_one_is_413(api: Api, path: str) -> None:
    raw = b'{"name": "' + b"x" * MAXIMUM_BODY_BYTES + b'"}'
    answer = api.ask("POST", path, content=raw)
    assert answer.status_code == 413
    assert str(MAXIMUM_BODY_BYTES) in answer.json()["message"]


def test_a_body_of_unknown_length_is_not_read_without_end(api: Api) -> None:
    def endless() -> Any:
        for _ in range(64):
            yield b"x" * 65536

    answer = api.ask("POST", INFERENCES, content=endless())
    assert answer.status_code == 413


HOSTILE_BODIES = [
    b"",
    b"\n",
    b"null",
    b"0",
    b"[]",
    b'"name"',
    b"{",
    b"}",
    b"{]",
    b'{"name": }',
    b"{'name': 'x'}",
    b'{"name": NaN}',
    b'{"name": Infinity}',
    b'{"name": 1e999}',
    b'{"name": ' + b"9" * 5_000 + b"}",
    b'{"name": "a", "name": "b"}',
    b'{"name": "\\u0000"}',
    b'{"name": "\\ud800"}',
    b'{"\\ud800": 1}',
    b'{"spec": {"labels": [{"name": "a", "value": "\\u0000"}]}}',
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b"[" * 100_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b'{"spec": {"labels": [' + b"{}," * 5_000 + b"{}]}}",
    b'{"spec": ' + json.dumps({f"k{n}": n for n in range(10_000)}).encode() + b"}",
]


@pytest.mark.parametrize("raw", HOSTILE_BODIES, ids=range(len(HOSTILE_BODIES)))
def test_a_hostile_body_is_400_and_the_answer_short(api: Api, raw: bytes) -> None:
    answer = api.ask("POST", INFERENCES, content=raw)
    assert answer.status_code == 400
    assert len(answer.content) < 64 * 1024


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
def test_a_body_that_says_it_is_no_json_is_refused(api: Api, content_type: str) -> None:
    raw = json.dumps(api.creation("not-json")).encode()
    headers = {**api.headers, "Content-Type": content_type}
    answer = api.ask("POST", INFERENCES, content=raw, headers=headers)
    assert answer.status_code == 400
    assert "application/json" in answer.json()["message"]


@pytest.mark.parametrize(
    "content_type", ["application/json", "APPLICATION/JSON; charset=utf-8", "application/x+json"]
)
def test_json_may_be_called_so_in_several_ways(api: Api, content_type: str) -> None:
    raw = json.dumps(api.creation("json", useGivenNameAsPrefix=True)).encode()
    headers = {**api.headers, "Content-Type": content_type}
    assert api.ask("POST", INFERENCES, content=raw, headers=headers).status_code == 202


@pytest.mark.parametrize("path", [INFERENCES, "/api/v1/token"])
def test_a_client_that_goes_away_in_a_body_is_no_error_of_ours(api: Api, path: str) -> None:
    before = answered(400), answered(500)
    address = (api.context.api_address.host, api.context.api_address.port)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
    head += f"Authorization: {api.headers['Authorization']}\r\n\r\n"
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(head.encode() + b'{"name": ')
    eventually(lambda: answered(400) + answered(500) > sum(before), "the end of the request")
    assert answered(500) == before[1]


def answered(status: int) -> float:
    labels = {"method": "POST", "status": str(status)}
    return REGISTRY.get_sample_value("windlass_http_requests_total", labels) or 0


def test_other_parameters_and_a_bare_question_mark_are_ignored(api: Api) -> None:
    assert api.ask("GET", f"{WORKLOADS}?").status_code == 200
    assert api.ask("GET", f"{WORKLOADS}?unknown=%00&&=&limit=1").status_code == 200


@pytest.mark.parametrize("query", ["limit=1&limit=x", "limit=x&limit=1"])
def test_a_parameter_given_twice_does_not_fail(api: Api, query: str) -> None:
    assert api.ask("GET", f"{WORKLOADS}?{query}").status_code in (200, 400)


def test_a_query_that_is_not_utf_8_does_not_fail(api: Api) -> None:
    for raw in ("%FF", "%C3%28", "%ED%A0%80", "%"):
        for parameter in ("search", "filterBy", "sortBy", "limit"):
            answer = api.ask("GET", f"{WORKLOADS}?{parameter}=name%3D%3D{raw}")
            assert answer.status_code in (200, 400)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /healthz HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET " + b"/x" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /api/v1/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["version", "tls", "negative length", "long path", "bad chunk"],
)
def test_what_is_no_http_harms_nobody(api: Api, raw: bytes) -> None:
    address = (api.context.api_address.host, api.context.api_address.port)
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    assert api.ask("GET", "/healthz").status_code == 200
