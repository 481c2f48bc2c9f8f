"""Every owner has a user id of its own, for good."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from windlass.engines.local.processes.users import OwnerUsers


def test_an_owner_keeps_its_id_over_restarts(tmp_path: Path) -> None:
    first = OwnerUsers(tmp_path / "users.json").uid("1")
    assert OwnerUsers(tmp_path / "users.json").uid("1") == first


def test_owners_have_different_ids_even_when_they_come_at_once(tmp_path: Path) -> None:
    users = OwnerUsers(tmp_path / "users.json")
    with ThreadPoolExecutor(8) as threads:
        uids = list(threads.map(users.uid, [str(owner) for owner in range(50)]))
    assert len(set(uids)) == 50
    assert [users.uid(str(owner)) for owner in range(50)] == uids


def test_ids_lie_where_no_person_or_service_has_one(tmp_path: Path) -> None:
    uid = OwnerUsers(tmp_path / "users.json").uid("1")
    assert 2_000_000_000 <= uid < 2**31


def test_asking_for_the_likely_id_gives_none_away(tmp_path: Path) -> None:
    users = OwnerUsers(tmp_path / "users.json")
    assert users.likely_uid("1") == 1_999_999_999
    assert list(tmp_path.iterdir()) == []
    assert users.likely_uid("1") != users.uid("1")
    assert users.likely_uid("1") == users.uid("1")


def test_platforms_do_not_share_ids(tmp_path: Path) -> None:
    """Where a platform's range begins is drawn from where it is, so that two may rarely meet."""
    platforms = [OwnerUsers(tmp_path / f"users-{number}.json") for number in range(10)]
    assert len({users.uid("1") for users in platforms}) >= 9
