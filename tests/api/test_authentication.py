"""Every operation of the served document wants a token, but for those that say they do not."""

from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from tests.api.serving import NOBODY, Api
from tests.identity_keys import FixedKeys
from windlass.identity.signing_keys import new_key
from windlass.identity.tokens import Caller, TokenAuthority
from windlass.kit.clock import ManualClock, SystemClock

OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("POST", "/api/v1/token"),
    ("POST", "/api/v2/token"),
    ("POST", "/api/v2/token/revoke"),
    ("POST", "/v1/k8s/auth/oauth/apptoken"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/api/v2/authorize"),
    ("GET", "/sign-in/{provider}/callback"),
    ("POST", "/api/v2/device"),
    ("GET", "/device"),
    ("POST", "/device"),
    ("GET", "/device/provider"),
}


def operations(api: Api) -> Iterator[tuple[str, str]]:
    """Method and path of every operation served."""
    for path, methods in api.get("/openapi.json")["paths"].items():
        for method in methods:
            yield method.upper(), path


def closed_operations(api: Api) -> list[tuple[str, str]]:
    found = [operation for operation in operations(api) if operation not in OPEN]
    assert len(found) >= 10
    return found


def address(path: str) -> str:
    """The path with something in the place of every parameter."""
    return "/".join(NOBODY if part.startswith("{") else part for part in path.split("/"))


def test_what_is_open_says_so_and_nothing_else_does(api: Api) -> None:
    document = api.get("/openapi.json")
    assert document["security"] == [{"bearer": []}]
    said = {
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation.get("security") == []
    }
    assert said == OPEN


def test_every_operation_refuses_a_caller_without_a_token(api: Api) -> None:
    for method, path in closed_operations(api):
        refused = api.ask(method, address(path), headers={})
        assert refused.status_code == 401, (method, path)


def test_every_operation_refuses_what_is_no_token_of_ours(api_on_sqlite: Api) -> None:
    """On one store: nothing but keys is read from it before a token is known to be ours."""
    bad = bad_credentials(api_on_sqlite)
    for method, path in closed_operations(api_on_sqlite):
        for value in bad:
            refused = api_on_sqlite.ask(method, address(path), headers={"Authorization": value})
            assert refused.status_code == 401, (method, path, value)


def bad_credentials(api: Api) -> list[str]:
    authority = api.context.authority(api.database)
    caller = Caller(NOBODY, "administrator", "app", api.context.tree.tenant_id)
    good = authority.issue(caller)
    head, payload, signature = good.split(".")
    other_keys = FixedKeys(new_key(0.0))
    claims = jwt.decode(good, options={"verify_signature": False})
    past = ManualClock(SystemClock().now() - 7200)
    keys = api.context.signing_keys(api.database)
    return [
        "",
        "Bearer",
        "Bearer x",
        "Bearer a.b.c",
        f"Basic {good}",
        f"Bearer {good}x",
        f"Bearer {head}.{payload}.",
        f"Bearer {head}.{payload}.{signature[::-1]}",
        f"Bearer {jwt.encode(claims, '', algorithm='none')}",
        f"Bearer {jwt.encode(claims, 'secret' * 8, algorithm='HS256')}",
        f"Bearer {TokenAuthority(other_keys, authority.issuer, SystemClock()).issue(caller)}",
        f"Bearer {TokenAuthority(keys, 'windlass:other', SystemClock()).issue(caller)}",
        f"Bearer {TokenAuthority(keys, authority.issuer, past).issue(caller)}",
        "Bearer " + "x" * 10_000,
    ]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_counts_in_any_case(api: Api, scheme: str) -> None:
    token = api.headers["Authorization"].partition(" ")[2]
    shown = api.ask("GET", "/api/v1/workloads", headers={"Authorization": f"{scheme} {token}"})
    assert shown.status_code == 200


def test_a_wrong_body_does_not_tell_a_stranger_more(api: Api) -> None:
    body: Any = {"name": "x", "projectId": "1"}
    refused = api.ask("POST", "/api/v1/workloads/inferences", headers={}, json=body)
    assert refused.status_code == 401


def test_who_submitted_is_who_signed_in(api: Api) -> None:
    known = api.context.foundation.administrator
    granted = api.token(
        grantType="password", username=known["username"], password=known["password"]
    )
    headers = {"Authorization": f"Bearer {granted.json()['accessToken']}"}
    body = api.creation("by-a-user")
    created = api.ask("POST", "/api/v1/workloads/inferences", headers=headers, json=body)
    assert created.json()["createdBy"] == known["username"]
    assert api.create("by-an-application")["createdBy"] == known["client_id"]
