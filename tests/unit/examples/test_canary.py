"""The canary tells the truth: other tests rest on what it says."""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.unit.examples.conftest import CANARY, Replica, StartReplica, free_port


def process_is_gone(pid: int) -> bool:
    """Zombies, which wait for a parent that is not ours, count as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_it_tells_what_proc_says(start_replica: StartReplica) -> None:
    replica = start_replica(*CANARY, "one", "two words", COLOUR="green")
    told = replica.client.get("/").json()
    proc = Path(f"/proc/{replica.process.pid}")
    assert told["pid"] == replica.process.pid
    assert told["argv"] == (proc / "cmdline").read_text().split("\0")[:-1]
    assert told["argv"][-2:] == ["one", "two words"]
    assert told["environment"]["COLOUR"] == "green"
    assert told["port"] == str(replica.port)
    assert told["cgroup"] == (proc / "cgroup").read_text().splitlines()
    assert told["limits"] == (proc / "limits").read_text().splitlines()
    assert (told["uid"], told["gid"]) == (proc.stat().st_uid, proc.stat().st_gid)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_echo_tells_the_request(canary: Replica, method: str) -> None:
    body = os.urandom(200_000)
    told = canary.client.request(
        method, "/echo?a=%20b", content=body, headers={"X-Mark": "7"}
    ).json()
    assert (told["method"], told["path"]) == (method, "/echo?a=%20b")
    assert ["x-mark", "7"] in told["headers"]
    assert told["body"] == {"length": 200_000, "sha256": hashlib.sha256(body).hexdigest()}


def test_echo_reads_a_chunked_body_and_keeps_the_connection(canary: Replica) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"abc"
        yield b"d" * 100_000

    for _ in range(2):
        told = canary.client.post("/echo", content=chunks()).json()
        assert told["body"]["length"] == 100_003
        assert told["body"]["sha256"] == hashlib.sha256(b"abc" + b"d" * 100_000).hexdigest()


def test_readiness_follows_what_is_set(start_replica: StartReplica) -> None:
    client = start_replica(*CANARY, "--not-ready").client
    assert client.get("/ready").status_code == 503
    client.post("/set-ready?value=true")
    assert client.get("/ready").status_code == 200
    client.post("/set-ready?value=false")
    assert client.get("/ready").status_code == 503


def test_a_stream_comes_in_parts(canary: Replica) -> None:
    with canary.client.stream("GET", "/stream?count=3&interval=0.05") as response:
        assert list(response.iter_lines()) == ["chunk 0", "chunk 1", "chunk 2"]


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_a_websocket_echoes_messages_of_every_length_field(canary: Replica, size: int) -> None:
    message = os.urandom(size)
    with connect(f"ws://127.0.0.1:{canary.port}/websocket") as websocket:
        websocket.send(message)
        assert websocket.recv() == message
        websocket.send("text")
        assert websocket.recv() == "text"
        assert websocket.ping().wait(timeout=10)


def test_exit_ends_the_process_without_an_answer(canary: Replica) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        canary.client.get("/exit?code=7")
    assert canary.process.wait(timeout=10) == 7


def test_exit_at_start_never_listens(start_replica: StartReplica) -> None:
    with pytest.raises(AssertionError, match="ended instead of listening"):
        start_replica(*CANARY, "--exit-at-start", "3")


def test_it_listens_on_another_port_when_told(start_replica: StartReplica) -> None:
    port = free_port()
    replica = start_replica(*CANARY, "--listen-on", str(port), port=port, PORT="1")
    assert replica.client.get("/").json()["port"] == "1"


def test_allocated_memory_is_resident(canary: Replica) -> None:
    assert canary.client.get("/allocate?megabytes=50").json() == {"megabytes": 50}
    status = Path(f"/proc/{canary.process.pid}/status").read_text()
    resident = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    assert int(resident) > 50 * 1024


def test_sigterm_ends_it_with_code_0(canary: Replica) -> None:
    canary.process.terminate()
    assert canary.process.wait(timeout=10) == 0


def test_sigterm_is_ignored_when_told(start_replica: StartReplica) -> None:
    replica = start_replica(*CANARY, "--ignore-sigterm")
    replica.process.terminate()
    assert replica.client.get("/").status_code == 200


def test_a_spawned_child_outlives_its_parent(canary: Replica) -> None:
    pid = canary.client.get("/spawn?seconds=60").json()["pid"]
    canary.process.kill()
    canary.process.wait(timeout=10)
    assert not process_is_gone(pid)
    os.kill(pid, 9)
    deadline = time.monotonic() + 10
    while not process_is_gone(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_read_tells_whether_a_file_may_be_opened(canary: Replica, tmp_path: Path) -> None:
    readable = tmp_path / "readable"
    readable.write_text("12345")

    def ask(path: Path) -> object:
        return canary.client.get("/read", params={"path": str(path)}).json()

    assert ask(readable) == {"allowed": True, "size": 5}
    assert ask(tmp_path / "absent") == {"allowed": False, "error": "FileNotFoundError"}


def test_a_query_that_lacks_a_word_is_answered(canary: Replica) -> None:
    assert canary.client.get("/sleep").status_code == 400
    assert canary.client.get("/nothing").status_code == 404
