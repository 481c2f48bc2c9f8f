"""The gate's snapshot on disk."""

from pathlib import Path

import pytest

from windlass.gateway.gate.store import Record, Store
from windlass.gateway.gateway import (
    Access,
    AdditionalRoute,
    Address,
    Callers,
    Endpoint,
    ReplicaProtocol,
    Route,
    TokenTrust,
)
from windlass.gateway.wire import route_from_json

ONE, TWO = Endpoint("one", "127.0.0.1", 1001, {9000: 2001}), Endpoint("two", "::1", 1002)
LISTED = Callers(Access.AUTHORIZED, ("one@example.org",), ("team", "other"))
ROUTE = Route(
    "id/../é",
    ("a.test",),
    "/p/n",
    (ONE,),
    "Why \n?",
    Callers(Access.AUTHENTICATED),
    internal_only=True,
    protocol=ReplicaProtocol.GRPC,
    additional=(
        AdditionalRoute("url", 9000, hosts=("b.test",), internal_only=True, callers=LISTED),
        AdditionalRoute("node", None, listen=Address("127.0.0.1", 30080)),
    ),
    request_timeout_seconds=1.5,
)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record = Record(ROUTE, (TWO,), removed=True)
    trust = TokenTrust("me", {"keys": [{"kid": "1"}]})
    store.save_record(record)
    store.save_trust(trust)
    store.save_epoch(7)
    again = Store(tmp_path)
    assert list(again.load_records()) == [record]
    assert again.load_trust() == trust
    assert again.load_epoch() == 7


def test_a_route_of_the_first_version_is_understood() -> None:
    written = {
        "workload_id": "id",
        "hosts": ["a.test"],
        "path_prefix": "/p/n",
        "endpoints": [{"replica_id": "one", "host": "127.0.0.1", "port": 1001}],
        "unavailable": None,
        "access": "authenticated",
        "request_timeout_seconds": 300.0,
    }
    endpoint = Endpoint("one", "127.0.0.1", 1001)
    expected = Route("id", ("a.test",), "/p/n", (endpoint,), callers=Callers(Access.AUTHENTICATED))
    assert route_from_json(written) == expected


def test_nothing_is_loaded_from_an_empty_directory(tmp_path: Path) -> None:
    store = Store(tmp_path / "new")
    assert (list(store.load_records()), store.load_trust(), store.load_epoch()) == ([], None, 0)


def test_a_deleted_workload_is_gone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save_record(Record(ROUTE))
    store.delete_record(ROUTE.workload_id)
    store.delete_record(ROUTE.workload_id)
    assert list(store.load_records()) == []


def test_a_save_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.save_record(Record(ROUTE))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device", descriptor)

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.save_record(Record(ROUTE, (TWO,)))
    assert list(Store(tmp_path).load_records()) == [Record(ROUTE)]


def test_a_removed_workload_takes_no_endpoint_with_it() -> None:
    removed = Record(ROUTE, (TWO,)).removed_now()
    assert (removed.route.endpoints, removed.draining, removed.removed) == ((), (ONE, TWO), True)
