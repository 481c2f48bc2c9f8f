"""Keys that secrets are sealed with, one after the other."""

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from windlass.kit.sealing import Seal, Unsealable, load_or_create_seal


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "sealing.key"
    seal = load_or_create_seal(path)
    seal.rotate()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_new_key_seals_in_every_process_and_the_one_before_still_opens(tmp_path: Path) -> None:
    path = tmp_path / "sealing.key"
    first, other = load_or_create_seal(path), load_or_create_seal(path)
    before = first.seal(b"secret")
    assert first.rotate() == 2
    assert other.key_id == 2
    after = other.seal(b"secret")
    assert not other.is_current(before)
    assert other.is_current(after)
    assert first.open(before) == first.open(after) == b"secret"


def test_the_oldest_keys_are_forgotten(tmp_path: Path) -> None:
    seal = load_or_create_seal(tmp_path / "sealing.key")
    before = seal.seal(b"secret")
    for _ in range(3):
        seal.rotate()
    with pytest.raises(Unsealable):
        seal.open(before)


def test_a_file_of_a_former_version_has_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "sealing.key"
    key = Fernet.generate_key()
    path.write_bytes(key)
    seal = Seal(path)
    assert seal.key_id == 1
    assert seal.open(Fernet(key).encrypt(b"secret").decode()) == b"secret"


@pytest.mark.parametrize("content", [b"", b"short", b"1 two three", b"\xff" * 64], ids=str)
def test_a_spoilt_file_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sealing.key"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        Seal(path)
