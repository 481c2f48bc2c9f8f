"""Who may call where a list decides, by what the token says of its owner."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateway.issuer import Issuer, bearer, trust_in
from tests.integration.gateway.replica import PIECE, Replica
from tests.integration.gateway.running import DOMAIN, EPOCH, RunningGateway, free_port, route
from windlass.gateway.gateway import Access, AdditionalRoute, Address, Callers
from windlass.gateway.names import CLAIM_HEADERS

SOME_USERS = Callers(Access.AUTHORIZED, users=("ann@example.org", "bob@example.org"))
SOME_GROUPS = Callers(Access.AUTHORIZED, groups=("vision", "speech"))
NOBODY = Callers(Access.AUTHORIZED)
HOST = f"second.{DOMAIN}"


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    """The trusted one."""
    return Issuer("key-1")


@pytest.fixture(scope="module")
def replica() -> Iterator[Replica]:
    """Behind all routes."""
    replica = Replica().start()
    yield replica
    replica.stop()


@pytest.fixture(scope="module")
def listed(
    tmp_path_factory: pytest.TempPathFactory, issuer: Issuer, replica: Replica
) -> Iterator[RunningGateway]:
    """A gateway with a workload for each list, one that waits, and one of two routes."""
    running = RunningGateway(tmp_path_factory.mktemp("listed")).start()
    second = AdditionalRoute("second", None, hosts=(HOST,), callers=SOME_GROUPS)
    routes = [
        route("users", replica.endpoint, callers=SOME_USERS),
        route("groups", replica.endpoint, callers=SOME_GROUPS),
        route("open", replica.endpoint),
        route("nobody", replica.endpoint, callers=NOBODY),
        route("waiting", callers=SOME_USERS),
        route("two", replica.endpoint, callers=SOME_USERS, additional=(second,)),
    ]
    running.client.replace_all(routes, trust_in(issuer), EPOCH)
    yield running
    running.stop()


@pytest.mark.parametrize(
    ("workload", "claims", "status"),
    [
        ("users", {"email": "ann@example.org"}, 200),
        ("users", {"email": "Bob@Example.org"}, 200),
        ("users", {"email": "bob@example.org.evil"}, 403),
        ("users", {"email": "eve@example.org"}, 403),
        ("users", {"email": "eve@example.org", "groups": ["ann@example.org", "vision"]}, 403),
        ("users", {"sub": "ann@example.org"}, 403),
        ("users", {"email": ["ann@example.org"]}, 403),
        ("groups", {"email": "eve@example.org", "groups": ["other", "speech"]}, 200),
        ("groups", {"email": "vision", "groups": []}, 403),
        ("groups", {"groups": ["Vision"]}, 403),
        ("groups", {"groups": "vision"}, 403),
        ("groups", {}, 403),
        ("nobody", {"email": "ann@example.org", "groups": ["vision"]}, 403),
        ("waiting", {"email": "eve@example.org"}, 403),
    ],
)
def test_the_list_decides(
    listed: RunningGateway, issuer: Issuer, workload: str, claims: dict[str, Any], status: int
) -> None:
    answer = listed.request(f"/team/{workload}/echo", headers=bearer(issuer.token(**claims)))
    assert answer.status == status
    if status == 403:
        assert answer.headers["content-type"] == "application/json"
        assert answer.json == {
            "code": 403,
            "message": "The token's owner may not call this workload.",
        }


@pytest.mark.parametrize("email", ["eve@example.org", "", None])
@pytest.mark.parametrize("workload", ["users", "waiting"])
def test_a_client_cannot_say_itself_what_its_token_does_not(
    listed: RunningGateway, issuer: Issuer, workload: str, email: str | None
) -> None:
    headers = bearer(issuer.token(email=email)) | {CLAIM_HEADERS["email"]: "ann@example.org"}
    assert listed.request(f"/team/{workload}/echo", headers=headers).status == 403


@pytest.mark.parametrize("workload", ["users", "groups", "open"])
def test_replicas_are_told_nothing_of_tokens(
    listed: RunningGateway, issuer: Issuer, workload: str
) -> None:
    signed_in = bearer(issuer.token(email="ann@example.org", groups=["vision"], sid="1", gen="2"))
    said = {**signed_in, **dict.fromkeys(CLAIM_HEADERS.values(), "anything")}
    seen = listed.request(f"/team/{workload}/echo", headers=said).json["headers"]
    assert not [name for name in seen if name.lower().startswith("x-windlass")]


@pytest.mark.parametrize("workload", ["users", "groups", "nobody", "waiting"])
def test_without_a_valid_token_it_is_401(listed: RunningGateway, workload: str) -> None:
    stranger = Issuer("key-1").token(email="ann@example.org", groups=["vision"])
    for headers in ({}, bearer(stranger)):
        answer = listed.request(f"/team/{workload}/echo", headers=headers)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json["code"] == 401


def test_who_is_refused_is_not_held(listed: RunningGateway, issuer: Issuer) -> None:
    before = listed.client.traffic()["id-waiting"].asked
    headers = bearer(issuer.token(email="eve@example.org"))
    assert listed.request("/team/waiting/echo", headers=headers).status == 403
    assert listed.client.traffic()["id-waiting"].asked == before


def test_each_route_of_a_workload_has_a_list_of_its_own(
    listed: RunningGateway, issuer: Issuer
) -> None:
    user = bearer(issuer.token(email="ann@example.org"))
    member = bearer(issuer.token(email="eve@example.org", groups=["vision"]))
    assert listed.request("/team/two/echo", headers=user).status == 200
    assert listed.request("/team/two/echo", headers=member).status == 403
    assert listed.request("/echo", host=HOST, headers=user).status == 403
    assert listed.request("/echo", host=HOST, headers=member).status == 200


@pytest.mark.parametrize("body", [None, b"x" * 20_000])
def test_an_address_of_its_own_and_the_internal_gateway_are_no_way_around_the_list(
    listed: RunningGateway, issuer: Issuer, replica: Replica, body: bytes | None
) -> None:
    listen = Address("127.0.0.1", free_port())
    port = AdditionalRoute("port", None, listen=listen, callers=SOME_GROUPS)
    wanted = route("guarded", replica.endpoint, callers=SOME_GROUPS, additional=(port,))
    listed.client.put(wanted, EPOCH)
    stranger = bearer(issuer.token(email="vision", groups=["other"]))
    member = bearer(issuer.token(groups=["speech"]))
    forged = {"x-windlass-inner": "yes", "x-windlass-internal": "yes"}
    for number in (listen.port, listed.internal_port):
        statuses = [
            listed.request(
                "/team/guarded/echo",
                "POST" if body else "GET",
                headers={**headers, **forged},
                body=body,
                port=number,
            ).status
            for headers in ({}, stranger, member)
        ]
        assert statuses == [401, 403, 200]


def test_a_change_of_the_list_is_in_effect_at_once_and_cuts_no_stream(
    tmp_path: Path, issuer: Issuer, replica: Replica
) -> None:
    running = RunningGateway(tmp_path).start()
    ann = bearer(issuer.token(email="ann@example.org"))
    allowed = route("list", replica.endpoint, callers=SOME_USERS)
    forbidden = route("list", replica.endpoint, callers=SOME_GROUPS)
    try:
        running.client.replace_all([allowed], trust_in(issuer), EPOCH)
        with running.connection() as connection:
            connection.request("GET", "/team/list/stream?pieces=20&pause=0.02", headers=ann)
            response = connection.getresponse()
            assert response.status == 200
            for wanted, status in ((forbidden, 403), (allowed, 200), (forbidden, 403)):
                running.client.put(wanted, EPOCH)
                assert running.request("/team/list/echo", headers=ann).status == status
            assert response.read() == PIECE * 20
    finally:
        running.stop()
