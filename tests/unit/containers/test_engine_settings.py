"""Where an engine is looked for, and what an operator may say about containers."""

import json
from pathlib import Path

import pytest

from tests.unit.containers.scripted_engine import INFO, scripted_engine
from windlass.engines.local.containers.container_engine import ContainerEngine, EngineUnreachable
from windlass.engines.local.containers.settings import ContainerSettings, Ulimit, usual_places

HOME = Path("/home/somebody")


def test_a_users_own_engine_comes_before_the_machines() -> None:
    environment = {"XDG_RUNTIME_DIR": "/run/user/1", "DOCKER_HOST": "unix:///named.sock"}
    places = [str(place) for place in usual_places(environment, HOME, is_root=False)]
    assert places[0] == "/named.sock"
    assert places.index("/run/user/1/podman/podman.sock") < places.index("/var/run/docker.sock")
    of_root = [str(place) for place in usual_places({}, HOME, is_root=True)]
    assert of_root == ["/var/run/docker.sock", "/run/podman/podman.sock"]
    remote = usual_places({"DOCKER_HOST": "tcp://10.0.0.1:2375"}, HOME, is_root=True)
    assert [str(place) for place in remote] == of_root, "another machine's is no use here"


@pytest.mark.parametrize("engine", ["tcp://127.0.0.1:2375", "docker.sock", "unix://relative"])
def test_only_sockets_of_this_machine_are_taken(engine: str) -> None:
    with pytest.raises(ValueError, match="unix:///PATH"):
        ContainerSettings(engine=engine).check()


@pytest.mark.parametrize("text", ["nofile", "nofile=", "nofile=1:x", "NOFILE=1", "nofile=-5"])
def test_a_wrong_ulimit_names_a_right_one(text: str) -> None:
    with pytest.raises(ValueError, match="nofile=1024:4096"):
        Ulimit.parse(text)


@pytest.mark.parametrize("network", ["none", "container:other"])
def test_networks_without_a_way_in_are_refused(network: str) -> None:
    with pytest.raises(ValueError, match="no request reaches"):
        ContainerSettings(network=network).check()


def test_an_engine_is_found_lost_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(
        "windlass.engines.local.containers.container_engine.time.monotonic", lambda: now[0]
    )
    missing, socket = tmp_path / "docker.sock", tmp_path / "podman.sock"
    engine = ContainerEngine([missing, socket], tmp_path / "engine.json")
    with pytest.raises(EngineUnreachable, match=r"docker\.sock"):
        engine.find()
    now[0] += 10
    with scripted_engine(socket, lambda _method, _path: None):
        found = engine.find()
        assert (found.name, found.version, found.storage) == ("Docker", "27.0.1", "overlay2")
        assert (found.limits_memory, found.cgroup_version) == (True, "2")
    now[0] += 10
    with pytest.raises(EngineUnreachable):
        engine.find()
    assert engine.last_known == found, "what it was is still known"
    now[0] += 10
    with scripted_engine(socket, lambda _method, _path: None):
        assert engine.find() == found


def test_who_starts_while_the_engine_is_away_knows_it(tmp_path: Path) -> None:
    socket, remembered = tmp_path / "podman.sock", tmp_path / "engine.json"
    with scripted_engine(socket, lambda _method, _path: None):
        found = ContainerEngine([socket], remembered).find()
    later = ContainerEngine([socket], remembered)
    with pytest.raises(EngineUnreachable):
        later.find()
    assert later.last_known == found
    elsewhere = ContainerEngine([tmp_path / "other.sock"], remembered)
    assert elsewhere.last_known is None, "whoever is told of another engine waits for that"
    remembered.write_text('{"socket": "half')
    assert ContainerEngine([socket], remembered).last_known is None


@pytest.mark.parametrize(("cgroup_version", "holds"), [("1", False), ("2", True)])
def test_a_rootless_engine_is_not_believed_about_limits_of_version_1(
    tmp_path: Path, cgroup_version: str, holds: bool
) -> None:
    security = {"CgroupVersion": cgroup_version, "SecurityOptions": ["name=rootless"]}
    told = json.dumps({**INFO, **security}).encode()
    with scripted_engine(
        tmp_path / "s", lambda _method, path: (200, [told]) if path == "/info" else None
    ):
        facts = ContainerEngine([tmp_path / "s"], tmp_path / "engine.json").find()
    assert facts.rootless
    assert (facts.limits_cpu, facts.limits_memory, facts.limits_pids) == (holds, holds, holds)
