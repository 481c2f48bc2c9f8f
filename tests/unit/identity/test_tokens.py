"""Bearer tokens: what is refused, and that the vendor's client can read them."""

import base64
import json
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from windlass.identity.tokens import (
    LIFETIME_SECONDS,
    Caller,
    TokenAuthority,
    load_or_create_key,
)
from windlass.kit.clock import ManualClock
from windlass.kit.errors import Unauthorized

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CALLER = Caller(
    "u-1", "admin@windlass.local", "user", 1001, ("admins", "Größe >?~"), 1000, 1001, (7, 8)
)


def authority(clock: ManualClock, issuer: str = "windlass:c") -> TokenAuthority:
    return TokenAuthority(KEY, issuer, clock)


def test_a_token_tells_who_asked_for_it() -> None:
    made = authority(ManualClock())
    assert made.verify(made.issue(CALLER)) == CALLER


def test_it_ends_after_its_lifetime_also_when_it_was_seen_before() -> None:
    clock = ManualClock()
    made = authority(clock)
    token = made.issue(CALLER)
    assert made.verify(token) == CALLER
    clock.advance(LIFETIME_SECONDS - 1)
    assert made.verify(token) == CALLER
    clock.advance(1)
    with pytest.raises(Unauthorized, match="expired"):
        made.verify(token)


def test_tokens_of_others_are_refused() -> None:
    clock = ManualClock()
    made = authority(clock)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forged = TokenAuthority(stranger, "windlass:c", clock).issue(CALLER)
    elsewhere = authority(clock, "windlass:other").issue(CALLER)
    unsigned = jwt.encode({"iss": "windlass:c", "sub": "x", "exp": 9e9}, "", algorithm="none")
    modulus = str(KEY.public_key().public_numbers().n)
    confused = jwt.encode({"iss": "windlass:c", "sub": "x", "exp": 9e9}, modulus, algorithm="HS256")
    for token in (forged, elsewhere, unsigned, confused, "", "a.b.c", "x" * 5000):
        with pytest.raises(Unauthorized):
            made.verify(token)


@given(st.text(max_size=60))
def test_the_vendors_client_reads_any_name_and_group(name: str) -> None:
    made = authority(ManualClock())
    token = made.issue(Caller("u-1", name, "user", 1, (name,)))
    payload = token.split(".")[1]
    # As runapy does: the standard alphabet, and more padding than needed.
    claims = json.loads(base64.b64decode(payload + "==", validate=False))
    assert "-" not in payload
    assert "_" not in payload
    assert claims["email"] == name
    assert claims["groups"] == [name]
    assert made.verify(token).name == name


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    made = load_or_create_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_create_key(path).private_numbers() == made.private_numbers()
