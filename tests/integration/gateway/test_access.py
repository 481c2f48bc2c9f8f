"""Who may call: everyone, or whoever has a valid token of the trusted issuer."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.integration.gateway.issuer import ISSUER, SIGNED_IN, Issuer, bearer, trust_in
from tests.integration.gateway.replica import PIECE, Replica
from tests.integration.gateway.running import DOMAIN, EPOCH, RunningGateway, eventually, route
from windlass.gateway.gateway import TokenTrust


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    """The trusted one."""
    return Issuer("key-1")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[RunningGateway]:
    """A gateway with the workloads `open` and `closed`, both on one replica, and `waiting`."""
    replica = Replica().start()
    running = RunningGateway(tmp_path_factory.mktemp("guarded")).start()
    routes = [
        route("open", replica.endpoint),
        route("closed", replica.endpoint, callers=SIGNED_IN),
        route("waiting", callers=SIGNED_IN),
        route("failed", callers=SIGNED_IN, unavailable="It broke."),
    ]
    running.client.replace_all(routes, trust_in(issuer), EPOCH)
    yield running
    running.stop()
    replica.stop()


@pytest.mark.parametrize("body", [None, b"small", [b"chunked"], b"large" * 10_000])
@pytest.mark.parametrize("by_host", [False, True])
def test_a_valid_token_passes_and_is_not_shown_to_the_replica(
    guarded: RunningGateway, issuer: Issuer, body: bytes | list[bytes] | None, by_host: bool
) -> None:
    path, host = (
        ("/echo", f"CLOSED-runai-team.{DOMAIN}") if by_host else ("/team/closed/echo", None)
    )
    method = "GET" if body is None else "POST"
    answer = guarded.request(path, method, host=host, headers=bearer(issuer.token()), body=body)
    assert answer.status == 200
    assert "authorization" not in answer.json["headers"]
    refused = guarded.request(path, method, host=host, body=body)
    assert refused.status == 401


@pytest.mark.parametrize("by_host", [False, True])
def test_why_a_workload_has_failed_is_told_to_its_callers_alone(
    guarded: RunningGateway, issuer: Issuer, by_host: bool
) -> None:
    path, host = ("/", f"failed-runai-team.{DOMAIN}") if by_host else ("/team/failed/", None)
    stranger = guarded.request(path, host=host)
    assert (stranger.status, b"broke" in stranger.body) == (401, False)
    told = guarded.request(path, host=host, headers=bearer(issuer.token()))
    assert (told.status, told.json["message"]) == (503, "It broke.")


def _bad_tokens() -> dict[str, str]:
    stranger = Issuer("key-1")
    header_and_claims = "eyJhbGciOiJub25lIn0." + stranger.token().split(".")[1]
    return {
        "none": "",
        "garbage": "garbage",
        "strange key": stranger.token(),
        "unsigned": f"{header_and_claims}.",
        "symmetric": jwt.encode(
            {"iss": ISSUER, "exp": time.time() + 60},
            "secret" * 8,
            "HS256",
            headers={"kid": "key-1"},
        ),
    }


@pytest.mark.parametrize("token", _bad_tokens().values(), ids=_bad_tokens().keys())
@pytest.mark.parametrize("workload", ["closed", "waiting"])
def test_any_other_token_is_401(guarded: RunningGateway, workload: str, token: str) -> None:
    answer = guarded.request(f"/team/{workload}/echo", headers=bearer(token) if token else {})
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["code"] == 401
    assert answer.json["message"]


@pytest.mark.parametrize(
    "claims",
    [{"exp": 1}, {"exp": time.time() - 10}, {"exp": None}, {"iss": "someone else"}, {"iss": None}],
    ids=["long over", "just over", "without end", "of someone else", "of nobody"],
)
def test_a_token_with_wrong_claims_is_401(
    guarded: RunningGateway, issuer: Issuer, claims: dict[str, Any]
) -> None:
    token = issuer.token(**claims)
    assert guarded.request("/team/closed/echo", headers=bearer(token)).status == 401


def test_no_header_of_a_client_leads_past_the_check(guarded: RunningGateway) -> None:
    for name in ("x-windlass-inner", "X-Windlass-Inner", "x-windlass-route"):
        assert guarded.request("/team/closed/echo", headers={name: "yes"}).status == 401


def test_a_token_in_the_query_does_not_count(guarded: RunningGateway, issuer: Issuer) -> None:
    assert guarded.request(f"/team/closed/echo?access_token={issuer.token()}").status == 401


def test_a_public_workload_gets_the_callers_own_authorization(guarded: RunningGateway) -> None:
    seen = guarded.request("/team/open/echo", headers=bearer("its own business"))
    assert seen.json["headers"]["authorization"] == "Bearer its own business"


def test_keys_change_without_cutting_a_stream(tmp_path: Path, replica: Replica) -> None:
    old, new = Issuer("key-1"), Issuer("key-2")
    running = RunningGateway(tmp_path).start()
    try:
        closed = route("closed", replica.endpoint, callers=SIGNED_IN)
        running.client.replace_all([closed], trust_in(old), EPOCH)
        with running.connection() as connection:
            connection.request(
                "GET", "/team/closed/stream?pieces=40&pause=0.02", headers=bearer(old.token())
            )
            response = connection.getresponse()
            assert response.status == 200
            for trusted in (trust_in(old, new), trust_in(new)):
                running.client.replace_all([closed], trusted, EPOCH)
            answers = [
                running.request("/team/closed/echo", headers=bearer(each.token())).status
                for each in (old, new)
            ]
            assert answers == [401, 200]
            assert response.read() == PIECE * 40
    finally:
        running.stop()


def revoking(issuer: Issuer, *ids: str) -> TokenTrust:
    """Trust in the issuer's tokens for `windlass`, but for those that carry one of these."""
    return TokenTrust(ISSUER, {"keys": [issuer.public_key]}, "windlass", ids)


def test_a_revoked_token_is_401_at_once_and_no_stream_is_cut(
    tmp_path: Path, replica: Replica
) -> None:
    issuer = Issuer("key-1")
    running = RunningGateway(tmp_path).start()
    try:
        closed, public = (
            route("closed", replica.endpoint, callers=SIGNED_IN),
            route("open", replica.endpoint),
        )
        running.client.replace_all([closed, public], revoking(issuer), EPOCH)
        tokens = {
            name: bearer(issuer.token(aud="windlass", sid=f"session-{name}", gen=generation))
            for name, generation in (("a", "g1"), ("b", "g1"), ("c", "g2"))
        }

        def answers() -> dict[str, int]:
            return {
                name: running.request("/team/closed/echo", headers=headers).status
                for name, headers in tokens.items()
            }

        assert answers() == {"a": 200, "b": 200, "c": 200}
        with running.connection() as connection:
            connection.request(
                "GET", "/team/closed/stream?pieces=40&pause=0.02", headers=tokens["a"]
            )
            response = connection.getresponse()
            running.client.trust(revoking(issuer, "session-a"), EPOCH)
            assert answers() == {"a": 401, "b": 200, "c": 200}
            running.client.trust(revoking(issuer, "other", "g1"), EPOCH)
            assert answers() == {"a": 401, "b": 401, "c": 200}
            assert response.read() == PIECE * 40
        refused = running.request("/team/closed/echo", headers=tokens["a"])
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert refused.json["code"] == 401
        assert "revoked" in refused.json["message"]
        assert running.request("/team/open/echo", headers=tokens["a"]).status == 200
        running.kill_gate()
        running.start_gate()
        eventually(lambda: bool(running.client.status()["envoy_connected"]))
        assert answers() == {"a": 401, "b": 401, "c": 200}, "it is in the gate's snapshot"
        running.client.trust(revoking(issuer), EPOCH)
        assert answers() == {"a": 200, "b": 200, "c": 200}
    finally:
        running.stop()


def test_a_token_for_another_purpose_does_not_count(tmp_path: Path, replica: Replica) -> None:
    issuer = Issuer("key-1")
    running = RunningGateway(tmp_path).start()
    try:
        closed = route("closed", replica.endpoint, callers=SIGNED_IN)
        running.client.replace_all([closed], revoking(issuer), EPOCH)
        for audience in (None, "windlass:password-change"):
            headers = bearer(issuer.token(aud=audience))
            assert running.request("/team/closed/echo", headers=headers).status in (401, 403)
    finally:
        running.stop()


@pytest.mark.parametrize("size", [None, 10, 50_000])
@pytest.mark.parametrize("way", ["host", "host in capitals", "host with port", "path"])
def test_no_way_and_no_size_gets_past_the_check(
    guarded: RunningGateway, issuer: Issuer, way: str, size: int | None
) -> None:
    """Small requests go straight to a replica, others by an inner listener."""
    host = f"closed-runai-team.{DOMAIN}"
    path, host_header = {
        "host": ("/echo", host),
        "host in capitals": ("/echo", host.upper()),
        "host with port": ("/echo", f"{host}:{guarded.port}"),
        "path": ("/team/closed/echo", None),
    }[way]
    method, body = ("GET", None) if size is None else ("POST", b"x" * size)
    late = issuer.token(exp=time.time() - 60)
    tokens: list[tuple[dict[str, str], int]] = [
        ({}, 401),
        (bearer(late), 401),
        (bearer(issuer.token()), 200),
    ]
    for headers, status in tokens:
        assert guarded.request(path, method, host_header, headers, body).status == status


def test_a_token_that_was_good_counts_no_longer_than_it_says(
    guarded: RunningGateway, issuer: Issuer
) -> None:
    """Envoy remembers which tokens it has checked."""
    short = bearer(issuer.token(exp=time.time() + 1))
    assert guarded.request("/team/closed/echo", headers=short).status == 200
    eventually(lambda: guarded.request("/team/closed/echo", headers=short).status == 401)
