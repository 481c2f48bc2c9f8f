"""Passwords: hashed, checked beside the requests, and how many may wait."""

import threading

import pytest

from windlass.identity.passwords import (
    PasswordWork,
    hash_password,
    is_password,
    require_good_password,
)
from windlass.kit.errors import BadRequest, TooManyRequests


def test_a_hash_tells_only_its_own_password() -> None:
    kept = hash_password("correct horse")
    assert kept.startswith("$argon2id$")
    assert is_password("correct horse", kept)
    assert not is_password("correct horse ", kept)
    assert not is_password("correct horse", None)
    assert not is_password("correct horse", "")


def test_no_more_than_so_many_wait_and_strangers_leave_room_for_owners() -> None:
    work = PasswordWork(waiting_strangers=1, waiting=2)
    go_on = threading.Event()
    first = work._submit(go_on.wait, known=False)
    with pytest.raises(TooManyRequests):
        work.require_room(known=False)
    work.require_room(known=True)
    second = work._submit(go_on.wait, known=True)
    with pytest.raises(TooManyRequests):
        work.check("x", None)
    go_on.set()
    assert first.result(30)
    assert second.result(30)
    assert work.check("correct horse", work.hash("correct horse"))


@pytest.mark.parametrize(
    "password", ["short", "", "x" * 1025, "ada@example.org", "ADA@example.org"]
)
def test_passwords_that_are_guessed_first_are_refused(password: str) -> None:
    with pytest.raises(BadRequest, match=r"^newPassword: "):
        require_good_password("newPassword", password, "ada@example.org")
