"""How one signing key follows another."""

from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from sqlalchemy import select

from windlass.identity.signing_keys import (
    ANNOUNCEMENT_SECONDS,
    LIFETIME_SECONDS,
    ROTATION_SECONDS,
    StoredKeys,
    new_key,
    require_first_key,
)
from windlass.identity.tables import signing_key
from windlass.identity.tokens import Caller, TokenAuthority
from windlass.kit.clock import ManualClock
from windlass.kit.database import Database
from windlass.kit.errors import Unauthorized
from windlass.kit.sealing import Seal, Unsealable, load_or_create_seal

CALLER = Caller("u-1", "a@b.co", "user", 1001)


@pytest.fixture
def seal(tmp_path: Path) -> Seal:
    return load_or_create_seal(tmp_path / "sealing.key")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def keys(database: Database, seal: Seal, clock: ManualClock, tmp_path: Path) -> StoredKeys:
    require_first_key(database, seal, clock, tmp_path / "former.pem")
    return StoredKeys(database, seal, clock)


def published(keys: StoredKeys) -> list[str]:
    return [key["kid"] for key in keys.jwks()["keys"]]


def test_a_key_is_published_signs_and_verifies_until_its_last_token_ends(
    keys: StoredKeys, clock: ManualClock
) -> None:
    authority = TokenAuthority(keys, "windlass:c", clock)
    (first,) = published(keys)
    assert not keys.rotate()
    clock.advance(ROTATION_SECONDS - ANNOUNCEMENT_SECONDS)
    assert keys.rotate()
    assert not keys.rotate()
    assert published(keys)[0] == first
    second = published(keys)[1]
    assert keys.signing().id == first, "not before everybody knows the next"

    clock.advance(ANNOUNCEMENT_SECONDS - 1)
    last = authority.issue(CALLER)
    clock.advance(1)
    assert keys.signing().id == second
    assert authority.verify(last).caller == CALLER
    assert authority.verify(authority.issue(CALLER)).caller == CALLER

    clock.advance(LIFETIME_SECONDS - 2)
    assert authority.verify(last).caller == CALLER
    clock.advance(62)
    with pytest.raises(Unauthorized):
        TokenAuthority(keys, "windlass:c", clock).verify(last)
    assert published(keys) == [second]
    assert keys.rotate(), "the first is removed"


def test_another_process_verifies_with_a_key_it_has_not_seen(
    database: Database, seal: Seal, keys: StoredKeys, clock: ManualClock
) -> None:
    other = StoredKeys(database, seal, clock)
    other.signing()
    clock.advance(ROTATION_SECONDS)
    keys.rotate()
    clock.advance(ANNOUNCEMENT_SECONDS)
    token = TokenAuthority(keys, "windlass:c", clock).issue(CALLER)
    assert jwt.get_unverified_header(token)["kid"] == published(keys)[-1]
    assert TokenAuthority(other, "windlass:c", clock).verify(token).caller == CALLER


def test_no_private_key_lies_open_in_the_store(
    database: Database, seal: Seal, keys: StoredKeys
) -> None:
    with database.read() as connection:
        kept = connection.execute(select(signing_key.c.sealed_private_key)).scalar_one()
    assert "PRIVATE" not in kept
    assert b"PRIVATE" in seal.open(kept)
    assert keys.signing().id


def test_the_sealing_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "sealing.key"
    sealed = load_or_create_seal(path).seal(b"secret")
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_create_seal(path).open(sealed) == b"secret"


def test_another_sealing_key_is_told_of_at_once(
    database: Database, keys: StoredKeys, clock: ManualClock, tmp_path: Path
) -> None:
    assert keys.signing().id
    stranger = load_or_create_seal(tmp_path / "other.key")
    with pytest.raises(Unsealable, match=r"sealing\.key"):
        require_first_key(database, stranger, clock, tmp_path / "former.pem")


def test_the_key_of_a_former_version_signs_on(
    database: Database, seal: Seal, clock: ManualClock, tmp_path: Path
) -> None:
    key = new_key(0.0).private_key
    former = tmp_path / "former.pem"
    former.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    require_first_key(database, seal, clock, former)
    signing = StoredKeys(database, seal, clock).signing()
    assert signing.private_key.private_numbers() == key.private_numbers()
    assert not former.exists()
