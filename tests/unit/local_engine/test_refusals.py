"""What cannot run here is refused, with the place, the reason and the cure."""

import os
import shutil
from pathlib import Path

import pytest

from windlass.engines.engine import (
    EnvironmentVariable,
    HttpGet,
    Probe,
    ReplicaTemplate,
)
from windlass.engines.local.local_engine import LocalEngine
from windlass.engines.local.processes.catalogue import Catalogue

CATALOGUE = """
host/fixed: {command: [sh, -c, "true"]}
host/open: {command: [sh], open: true}
host/blank: {open: true}
host/missing: {command: [./missing]}
host/not-on-path: {command: [no-such-tool-anywhere]}
host/not-executable: {command: [./images.yaml]}
host/no-folder: {command: [sh], workingDir: missing}
"""


@pytest.fixture
def engine(tmp_path: Path) -> LocalEngine:
    file = tmp_path / "images.yaml"
    file.write_text(CATALOGUE)
    return LocalEngine(tmp_path / "data", Catalogue(file), "/usr/bin:/bin")


def refusals(engine: LocalEngine, image: str, **options: object) -> dict[str, str]:
    template = ReplicaTemplate(image=image, container_port=8000, **options)  # type: ignore[arg-type]
    return {refusal.path: refusal.message for refusal in engine.refusals(template, "7")}


def test_what_can_run_is_not_refused(engine: LocalEngine) -> None:
    assert refusals(engine, "host/fixed", args=("a",)) == {}


def test_an_ordinary_image_names_the_lack_of_a_container_engine_and_what_there_is(
    engine: LocalEngine,
) -> None:
    refused = refusals(engine, "nginx:1.27")
    assert list(refused) == ["spec.image"]
    assert "no" in refused["spec.image"]
    assert "container engine" in refused["spec.image"]
    assert "host/fixed" in refused["spec.image"]
    assert "--host-images" in refused["spec.image"]


def test_an_unknown_host_image_names_those_there_are(engine: LocalEngine) -> None:
    refused = refusals(engine, "host/typo")
    assert list(refused) == ["spec.image"]
    assert "'host/typo'" in refused["spec.image"]
    assert "host/blank, host/files, host/fixed" in refused["spec.image"]


def test_a_fixed_entry_keeps_its_command_and_directory(engine: LocalEngine) -> None:
    refused = refusals(engine, "host/fixed", command=("ls",), working_dir="/tmp")
    assert set(refused) == {"spec.command", "spec.workingDir"}
    assert all("open: true" in message for message in refused.values())


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHON_X", "PORT"]
)
@pytest.mark.parametrize("exclude", [False, True])
def test_a_fixed_entry_keeps_the_variables_that_decide_what_runs(
    engine: LocalEngine, name: str, exclude: bool
) -> None:
    environment = (EnvironmentVariable("A", "1"), EnvironmentVariable(name, "", exclude=exclude))
    refused = refusals(engine, "host/fixed", environment=environment)
    assert list(refused) == ["spec.environmentVariables[1].name"]
    assert name in refused["spec.environmentVariables[1].name"]


def test_where_ports_are_is_the_platforms_word(engine: LocalEngine) -> None:
    environment = (EnvironmentVariable("PORT_9000", "1"), EnvironmentVariable("PORT_9001", "1"))
    refused = refusals(engine, "host/open", environment=environment, additional_ports=(9000,))
    assert list(refused) == ["spec.environmentVariables[0].name"]


@pytest.mark.parametrize(
    "name", ["OLD_PATH", "HOMEPAGE", "MY_LD_PATH", "A_PYTHON", "path", "EXPORT"]
)
def test_other_variables_are_free(engine: LocalEngine, name: str) -> None:
    assert refusals(engine, "host/fixed", environment=(EnvironmentVariable(name, "1"),)) == {}


def test_an_open_entry_takes_command_directory_and_variables(engine: LocalEngine) -> None:
    environment = (EnvironmentVariable("PATH", "/bin"), EnvironmentVariable("LD_PRELOAD", "x.so"))
    options = {"command": ("/bin/ls",), "working_dir": "/tmp", "environment": environment}
    assert refusals(engine, "host/open", **options) == {}


@pytest.mark.parametrize("name", ["PORT", "CUDA_VISIBLE_DEVICES"])
def test_even_an_open_entry_keeps_what_the_platform_gives(engine: LocalEngine, name: str) -> None:
    refused = refusals(engine, "host/open", environment=(EnvironmentVariable(name, "1"),))
    assert list(refused) == ["spec.environmentVariables[0].name"]


def test_an_entry_without_a_command_needs_one(engine: LocalEngine) -> None:
    assert list(refusals(engine, "host/blank")) == ["spec.command"]
    assert refusals(engine, "host/blank", command=("/bin/ls",)) == {}


def test_a_probe_goes_to_the_serving_port(engine: LocalEngine) -> None:
    assert refusals(engine, "host/fixed", probe=Probe(HttpGet(port=8000))) == {}
    assert refusals(engine, "host/fixed", probe=Probe(HttpGet(port=None))) == {}
    assert refusals(engine, "host/fixed", probe=Probe()) == {}
    refused = refusals(engine, "host/fixed", probe=Probe(HttpGet(port=9000)))
    assert list(refused) == ["spec.probes.readiness.handler.httpGet.port"]
    assert "8000" in refused["spec.probes.readiness.handler.httpGet.port"]


@pytest.mark.parametrize("image", ["host/missing", "host/not-on-path", "host/not-executable"])
def test_a_command_that_is_not_there_is_refused(engine: LocalEngine, image: str) -> None:
    assert list(refusals(engine, image)) == ["spec.image"]


def test_a_working_directory_that_is_not_there_is_refused(engine: LocalEngine) -> None:
    assert "there is no folder" in refusals(engine, "host/no-folder")["spec.image"]
    refused = refusals(engine, "host/open", working_dir="/nonexistent")
    assert "there is no folder /nonexistent" in refused["spec.workingDir"]


def test_a_relative_directory_may_not_leave_the_replicas_own(engine: LocalEngine) -> None:
    assert refusals(engine, "host/open", working_dir="a/../b") == {}
    assert list(refusals(engine, "host/open", working_dir="a/../../b")) == ["spec.workingDir"]


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_no_process_can_be_given_is_refused(engine: LocalEngine, text: str) -> None:
    refused = refusals(
        engine,
        "host/open",
        command=(text,),
        args=(text,),
        working_dir=text,
        environment=(EnvironmentVariable("A", text),),
    )
    assert set(refused) == {
        "spec.command",
        "spec.args",
        "spec.workingDir",
        "spec.environmentVariables[0].value",
    }


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can keep other users out")


@pytest.fixture
def closed_folder(tmp_path: Path) -> Path:
    """A folder below one that only its owner may enter, with a program in it."""
    closed = tmp_path / "home" / "bin"
    closed.mkdir(parents=True)
    (tmp_path / "home").chmod(0o700)
    shutil.copy("/bin/sh", closed / "sh")
    return closed


@needs_root
def test_a_command_that_the_projects_user_cannot_execute_is_refused_with_both_cures(
    tmp_path: Path, closed_folder: Path
) -> None:
    file = tmp_path / "images.yaml"
    file.write_text(
        f"host/closed: {{command: [{closed_folder}/sh]}}\n"
        f"host/as-platform: {{command: [{closed_folder}/sh], as: platform}}\n"
        f"host/closed-folder: {{command: [/bin/sh], workingDir: {closed_folder}}}\n"
        f"host/closed-script: {{command: [/bin/sh, {closed_folder}/sh]}}\n"
    )
    engine = LocalEngine(tmp_path / "data", Catalogue(file), "/usr/bin:/bin")
    message = refusals(engine, "host/closed")["spec.image"]
    assert "move the interpreter" in message
    assert "as: platform" in message
    assert refusals(engine, "host/as-platform") == {}
    assert "may not enter" in refusals(engine, "host/closed-folder")["spec.image"]
    assert "cannot read" in refusals(engine, "host/closed-script")["spec.image"]
