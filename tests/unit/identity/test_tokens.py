"""Bearer tokens: what is refused, and that the vendor's client can read them."""

import base64
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.identity_keys import FixedKeys
from windlass.identity.signing_keys import LIFETIME_SECONDS, SigningKey, new_key
from windlass.identity.tokens import PASSWORD_CHANGE, Caller, SignedIn, TokenAuthority
from windlass.kit.clock import ManualClock
from windlass.kit.errors import Unauthorized

KEY = new_key(0.0)
GROUPS = ("admins", "Größe >?~")
CALLER = Caller("u-1", "admin@windlass.local", "user", 1001, GROUPS, 1000, 1001, (7, 8))


def authority(clock: ManualClock, issuer: str = "windlass:c") -> TokenAuthority:
    return TokenAuthority(FixedKeys(KEY), issuer, clock)


def test_a_token_tells_who_asked_for_it_and_by_what_it_can_be_revoked() -> None:
    made = authority(ManualClock())
    signed_in = SignedIn("session", "generation")
    presented = made.verify(made.issue(CALLER, signed_in))
    assert presented.caller == CALLER
    assert presented.signed_in == signed_in


def test_a_token_for_choosing_a_password_says_so_and_is_for_nobody_else() -> None:
    made = authority(ManualClock())
    token = made.issue(CALLER, SignedIn("s", "g", must_change_password=True))
    assert made.verify(token).signed_in.must_change_password
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["aud"] == PASSWORD_CHANGE, "the gateway takes another audience"


def test_it_ends_after_its_lifetime_also_when_it_was_seen_before() -> None:
    clock = ManualClock()
    made = authority(clock)
    token = made.issue(CALLER)
    assert made.verify(token).caller == CALLER
    clock.advance(LIFETIME_SECONDS - 1)
    assert made.verify(token).caller == CALLER
    clock.advance(1)
    with pytest.raises(Unauthorized, match="expired"):
        made.verify(token)


def test_tokens_of_others_are_refused() -> None:
    clock = ManualClock()
    made = authority(clock)
    good = made.issue(CALLER)
    claims = jwt.decode(good, options={"verify_signature": False})
    named = {"kid": KEY.id}
    modulus = str(KEY.private_key.public_key().public_numbers().n)
    stranger = SigningKey(KEY.id, new_key(0.0).private_key, 0.0)
    bad = [
        TokenAuthority(FixedKeys(stranger), "windlass:c", clock).issue(CALLER),
        authority(clock, "windlass:other").issue(CALLER),
        jwt.encode(claims, "", algorithm="none", headers=named),
        jwt.encode(claims, modulus, algorithm="HS256", headers=named),
        jwt.encode(claims, KEY.private_key, algorithm="RS256"),
        jwt.encode({**claims, "aud": "other"}, KEY.private_key, algorithm="RS256", headers=named),
        jwt.encode({**claims, "typ": "root"}, KEY.private_key, algorithm="RS256", headers=named),
        "",
        "a.b.c",
        "x" * 5000,
    ]
    for token in bad:
        with pytest.raises(Unauthorized):
            made.verify(token)


@given(st.text(max_size=60))
def test_the_vendors_client_reads_any_name_and_group(name: str) -> None:
    made = authority(ManualClock())
    token = made.issue(Caller("u-1", name, "user", 1, (name,)), SignedIn(name, name))
    payload = token.split(".")[1]
    # As runapy does: the standard alphabet, and more padding than needed.
    claims = json.loads(base64.b64decode(payload + "==", validate=False))
    assert "-" not in payload
    assert "_" not in payload
    assert claims["email"] == name
    assert claims["groups"] == [name]
    assert made.verify(token).caller.name == name
