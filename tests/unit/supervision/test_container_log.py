"""A container's log is copied whole: after breaks, and when its file is replaced."""

import os
import socket
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.containers.scripted_engine import Answer, scripted_engine
from windlass.kit.supervision.program.containers.api import wait_for
from windlass.kit.supervision.program.containers.listening import ContainerPort
from windlass.kit.supervision.program.containers.log import LogCopy
from windlass.kit.supervision.program.containers.log_file import LogFileCopy
from windlass.kit.supervision.program.listening import FOREIGN, NOBODY, OWN
from windlass.kit.supervision.program.log import Log


def piece(stamp: str, text: str) -> bytes:
    data = f"{stamp} {text}".encode()
    return bytes([1, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


def written(folder: Path) -> str:
    files = sorted(folder.glob("*.log"), key=lambda file: int(file.stem))
    return "".join(file.read_text() for file in files)


@pytest.mark.parametrize("stamp", ["2026-11-21T10:00:00Z", "2026-11-21T10:00:00.5+00:00"])
def test_what_was_copied_is_not_copied_again(tmp_path: Path, stamp: str) -> None:
    first = [piece(stamp, "one\n"), piece(stamp, "two\n")]
    more = [piece(stamp, "three\n"), piece("2026-11-21T10:00:01Z", "four\n")]
    answers: list[Answer] = [
        (200, first),
        (200, [b"".join(first + more)[:50], b"".join(first + more)[50:]]),
    ]
    with scripted_engine(tmp_path / "s", lambda _method, _path: answers.pop(0)) as asked:
        copy = LogCopy(str(tmp_path / "s"), "c", Log(str(tmp_path / "log"), 1000, 2))
        for _ in range(2):
            wait_for(copy.catch_up())
    assert written(tmp_path / "log") == "one\ntwo\nthree\nfour\n"
    assert asked[1].endswith("since=1795255200"), "only what can be new is asked for"


def line(text: str, kind: str = "F") -> str:
    return f"2026-11-21T10:00:00.123456789+00:00 stdout {kind} {text}\n"


def drain(steps: Generator[Any, None, None]) -> None:
    for _ in steps:
        """Nothing to wait for."""


def test_a_file_is_copied_over_its_replacement(tmp_path: Path) -> None:
    path = tmp_path / "ctr.log"
    path.write_text(line("one") + line("half", "P") + line("", "F") + line("two words"))
    copy = LogFileCopy(str(path), Log(str(tmp_path / "log"), 1000, 2))
    steps = copy.follow()
    next(steps)
    with path.open("a") as file:
        file.write(line("before"))
    (tmp_path / "new").write_text(line("after"))
    os.replace(tmp_path / "new", path)
    steps.close()
    drain(copy.catch_up())
    assert written(tmp_path / "log") == "one\nhalf\ntwo words\nbefore\nafter\n"


def test_what_was_copied_takes_no_room(tmp_path: Path) -> None:
    path = tmp_path / "ctr.log"
    path.write_text(line("x" * 1000) * 5000)
    before = path.stat().st_blocks
    drain(LogFileCopy(str(path), Log(str(tmp_path / "log"), 10_000_000, 2)).catch_up())
    if path.stat().st_blocks == before:
        pytest.skip("this file system gives nothing back")
    assert path.stat().st_blocks < before / 2


def test_a_port_that_only_the_container_itself_reaches_is_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = ContainerPort(os.getpid(), server.getsockname()[1], 1)
        assert port.check(list) == NOBODY
        assert "0.0.0.0" in port.nobody
    assert port.check(list) == NOBODY
    assert "yet" in port.nobody
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert ContainerPort(os.getpid(), server.getsockname()[1], 1).check(list) == OWN


def test_a_port_is_no_way_in_where_its_mapping_ended_with_the_engine() -> None:
    answers = True
    with socket.create_server(("0.0.0.0", 0)) as server, socket.socket() as mapped:
        mapped.bind(("127.0.0.1", 0))
        inside, outside = server.getsockname()[1], mapped.getsockname()[1]
        port = ContainerPort(os.getpid(), inside, outside, lambda: answers)
        assert port.check(list) == OWN, "nothing is connected to while the engine answers"
        answers = False
        assert port.check(list) == FOREIGN
        assert str(outside) in port.foreign
        mapped.listen()
        assert port.check(list) == OWN, "mapped by the kernel, as Podman does"
