"""A replica's process is what entry and request say, as /proc shows it."""

import http.client
import os
from pathlib import Path

import pytest

from tests.integration.local_engine.conftest import Machine, wait_until
from windlass.engines.engine import (
    DeviceShare,
    EnvironmentVariable,
    HttpGet,
    Probe,
    ReplicaCannotStart,
    ReplicaState,
)
from windlass.engines.local.gpus import parse_simulated_gpus

SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
SLEEP = "import time; time.sleep(600)"


def environment(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_text().rstrip("\0").split("\0")
    return dict(pair.split("=", 1) for pair in pairs)


def test_a_replica_answers_where_it_is_said_to(machine: Machine) -> None:
    machine.catalogue(SERVER)
    observation = machine.wait_until_ready(machine.start(probe=Probe(HttpGet("/health"))))
    assert observation.host is not None
    connection = http.client.HTTPConnection(observation.host, observation.port, timeout=10)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"ok"
    connection.close()


def test_arguments_and_environment_are_exactly_those_asked_for(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_PLATFORM", "must not be seen")
    machine.catalogue(
        SLEEP, args="[of, entry]", env="{MODEL: tiny, URL: 'http://x:$(PORT)', GONE: 1}"
    )
    replica_id = machine.start(
        args=("--port", "$(PORT)", "$$(PORT)", "two words"),
        environment=(
            EnvironmentVariable("MODEL", "large of $(RUNAI_PROJECT)"),
            EnvironmentVariable("GONE", exclude=True),
        ),
        platform={"RUNAI_PROJECT": "team"},
    )
    pid = machine.wait_for_pid(replica_id)
    port = str(machine.observe(replica_id).port)
    words = Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    assert words[3:] == ["--port", port, "$(PORT)", "two words"]
    found = environment(pid)
    home = found.pop("HOME")
    assert Path(home).name == replica_id
    assert found == {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "RUNAI_PROJECT": "team",
        "MODEL": "large of team",
        "URL": f"http://x:{port}",
        "PORT": port,
    }


def test_without_a_directory_it_runs_in_one_of_its_own_that_it_may_write(machine: Machine) -> None:
    machine.catalogue("import time; open('mine', 'w').write('written'); time.sleep(600)")
    replica_id = machine.start()
    directory = Path(os.readlink(f"/proc/{machine.wait_for_pid(replica_id)}/cwd"))
    wait_until(lambda: (directory / "mine").exists(), "it has written")
    assert directory == Path(environment(machine.wait_for_pid(replica_id))["HOME"])
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_directory_below_its_own_is_made(machine: Machine) -> None:
    machine.catalogue(SLEEP, open="true")
    pid = machine.wait_for_pid(machine.start(working_dir="a/b"))
    directory = os.readlink(f"/proc/{pid}/cwd")
    assert directory == environment(pid)["HOME"] + "/a/b"


def test_an_entrys_directory_is_relative_to_the_file(machine: Machine) -> None:
    machine.catalogue(SLEEP, workingDir="work")
    (machine.folder / "work").mkdir(mode=0o755)
    (machine.folder / "work").chmod(0o755)
    pid = machine.wait_for_pid(machine.start())
    assert os.readlink(f"/proc/{pid}/cwd") == str(machine.folder / "work")


def test_a_replica_sees_the_devices_it_was_given_and_says_that_they_are_simulated(
    machine: Machine,
) -> None:
    devices = parse_simulated_gpus("4xH100-80GB")
    machine.engine = machine.new_engine(devices)
    machine.catalogue(SLEEP)
    assert machine.engine.nodes()[0].devices == devices
    shares = tuple(DeviceShare(f"SIM-{n}", 1.0, devices[n].memory_bytes) for n in (1, 3))
    with_two, with_none = machine.start(devices=shares), machine.start()
    assert environment(machine.wait_for_pid(with_two))["CUDA_VISIBLE_DEVICES"] == "SIM-1,SIM-3"
    assert environment(machine.wait_for_pid(with_none))["CUDA_VISIBLE_DEVICES"] == ""
    assert any("simulated" in note for note in machine.observe(with_two).notes)
    assert machine.observe(with_none).notes == ()


def test_the_node_is_this_machine(machine: Machine) -> None:
    (node,) = machine.engine.nodes()
    total = Path("/proc/meminfo").read_text().split()[1]
    assert node.memory_bytes == int(total) * 1024
    assert node.cpu_millicores == 1000 * len(os.sched_getaffinity(0))
    assert node.name == os.uname().nodename


def test_every_replica_has_a_port_of_its_own(machine: Machine) -> None:
    machine.catalogue(SERVER)
    ports = {machine.wait_until_ready(machine.start()).port for _ in range(4)}
    assert len(ports) == 4


def test_a_command_that_exits_at_once_is_told_with_its_code_and_log(machine: Machine) -> None:
    machine.catalogue("import sys; print('no model here'); sys.exit(4)")
    replica_id = machine.start()
    end = machine.wait_for_exit(replica_id)
    assert (end.reason, end.code) == ("Error", 4)
    assert machine.log(replica_id) == "no model here\n"


def test_an_end_with_code_0_is_told_apart(machine: Machine) -> None:
    machine.catalogue("pass")
    assert machine.wait_for_exit(machine.start()).reason == "Completed"


def test_a_program_that_vanished_since_is_a_failed_start(machine: Machine) -> None:
    """Its interpreter exists, so nothing speaks against it until it is executed."""
    machine.catalogue(SLEEP)
    broken = machine.folder / "broken"
    broken.write_text("#!/nonexistent/interpreter\n")
    broken.chmod(0o755)
    machine.images.write_text(f"host/test: {{command: [{broken}], as: platform}}")
    end = machine.wait_for_exit(machine.start())
    assert end.reason == "StartError"
    assert str(broken) in end.message


def test_an_entry_that_vanished_fails_the_start_with_the_refusals_text(machine: Machine) -> None:
    machine.catalogue(SLEEP)
    machine.wait_for_pid(machine.start())
    machine.images.write_text("host/other: {command: [sh]}")
    with pytest.raises(ReplicaCannotStart, match=r"no host image 'host/test'.*host/other"):
        machine.start()
    assert len(machine.engine.observe()) == 1


def test_a_failed_start_leaves_nothing(machine: Machine) -> None:
    with pytest.raises(ReplicaCannotStart):
        machine.start()
    assert machine.engine.observe() == {}
    assert list((machine.data / "replicas").iterdir()) == []


def test_a_port_that_is_never_opened_is_never_ready(machine: Machine) -> None:
    machine.catalogue(SLEEP)
    replica_id = machine.start()
    wait_until(lambda: machine.observe(replica_id).readiness_message is not None, "that is said")
    observation = machine.observe(replica_id)
    assert observation.state is ReplicaState.RUNNING
    assert not observation.ready
    assert str(observation.port) in (observation.readiness_message or "")
