"""Commands as they are typed, in this process, against a scripted platform on a real socket."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.workload_store import WorkloadStore
from tests.unit.client.scripted_platform import Answer, Request, ScriptedPlatform
from windlass.cli.main import app
from windlass.cli.outcome import exit_status


@pytest.fixture
def store(platform: ScriptedPlatform) -> WorkloadStore:
    store = WorkloadStore()
    platform.handler = store
    return store


@pytest.fixture(autouse=True)
def _at_the_data_directory(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDLASS_DATA_DIR", str(data_dir))


def windlass(*words: str) -> int:
    return exit_status(lambda: app(list(words)))


def through(*phases: str) -> Any:
    """Gives a workload one phase after another, a new one at each look."""
    left = list(phases)

    def advance(workload: dict[str, Any]) -> None:
        if left:
            workload["phase"] = left.pop(0)
            workload["runningPods"] = int(workload["phase"] == "Running")

    return advance


class TestLs:
    def test_is_a_table_for_people(
        self, store: WorkloadStore, capsys: pytest.CaptureFixture[str]
    ) -> None:
        store.add("digits")
        store.add("a-name-that-is-longer", phase="Pending", runningPods=0, urls=[])
        assert windlass("ls") == 0
        heading, first, second = capsys.readouterr().out.splitlines()
        assert heading.split() == ["NAME", "PROJECT", "PHASE", "READY", "AGE", "URL"]
        assert first.split()[:4] == ["digits", "default", "Running", "1/1"]
        assert second.split()[:4] == ["a-name-that-is-longer", "default", "Pending", "0/1"]
        assert first.index("default") == second.index("default") == heading.index("PROJECT")

    def test_is_json_for_programs(
        self, store: WorkloadStore, capsys: pytest.CaptureFixture[str]
    ) -> None:
        workload = store.add("digits", somethingNew={"x": [1]})
        assert windlass("ls", "--json") == 0
        assert json.loads(capsys.readouterr().out) == [workload]

    def test_asks_for_what_is_typed(self, store: WorkloadStore, platform: ScriptedPlatform) -> None:
        store.add("digits")
        words = ["--project", "default", "--phase", "Running", "--filter", "name==digits"]
        assert windlass("ls", *words, "--sort", "createdAt", "--reverse", "--search", "dig") == 0
        query = platform.requests[-1].query
        assert query["filterBy"] == ["name==digits,projectName==default,phase==Running"]
        assert (query["sortBy"], query["sortOrder"]) == (["createdAt"], ["desc"])
        assert query["search"] == ["dig"]

    def test_says_so_when_there_is_none(
        self,
        store: WorkloadStore,  # noqa: ARG002
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert windlass("ls") == 0
        assert capsys.readouterr().out == "There is no workload.\n"

    def test_shows_what_a_terminal_would_obey_as_replaced(
        self, store: WorkloadStore, capsys: pytest.CaptureFixture[str]
    ) -> None:
        store.add("digits", urls=["http://\x1b[2Jx"])
        windlass("ls")
        assert "\x1b" not in capsys.readouterr().out


class TestNames:
    def test_an_id_names_a_workload(
        self, store: WorkloadStore, capsys: pytest.CaptureFixture[str]
    ) -> None:
        workload = store.add("digits")
        assert windlass("describe", workload["id"]) == 0
        assert "digits" in capsys.readouterr().out

    def test_an_unknown_name_is_told(
        self, store: WorkloadStore, capsys: pytest.CaptureFixture[str]
    ) -> None:
        store.add("digits")
        assert windlass("describe", "digit") == 1
        assert "no workload 'digit'" in capsys.readouterr().err

    def test_a_name_in_two_projects_is_refused_until_the_project_is_said(
        self, store: WorkloadStore, capsys: pytest.CaptureFixture[str]
    ) -> None:
        first = store.add("digits")
        store.add("digits", project="research", phaseMessage="In research.")
        assert windlass("describe", "digits") == 1
        error = capsys.readouterr().err
        assert f"default ({first['id']})" in error
        assert "--project" in error
        assert windlass("describe", "digits", "--project", "research") == 0
        assert "In research." in capsys.readouterr().out


class TestDescribe:
    def test_says_why_and_how_replicas_ended(
        self, store: WorkloadStore, capsys: pytest.CaptureFixture[str]
    ) -> None:
        workload = store.add(
            "digits",
            phase="Failed",
            runningPods=0,
            phaseReason="CrashLoop",
            phaseMessage="Replica 0 ended 8 times.",
        )
        store.inferences[workload["id"]] = {
            "spec": {
                "image": "host/digits",
                "args": "--fast",
                "environmentVariables": [{"name": "A", "value": "1"}],
                "compute": {"cpuCoreRequest": 0.5, "cpuCoreLimit": 2},
                "servingPort": {"container": 8000, "protocol": "http"},
            }
        }
        store.pods[workload["id"]] = [
            {
                "id": "p1",
                "name": "digits-0-abc",
                "createdAt": "2026-01-01T00:00:00Z",
                "completedAt": "2026-01-01T00:00:09Z",
                "k8sPhase": "Failed",
                "containers": [{"name": "c", "startedAt": "2026-01-01T00:00:02Z"}],
                "exit": {"reason": "Error", "message": "exited with code 3", "code": 3},
            }
        ]
        store.events[workload["id"]] = [
            {"createdAt": "2026-01-01T00:02:00Z", "type": "Warning", "reason": "Second",
             "message": "later"},
            {"createdAt": "2026-01-01T00:01:00Z", "type": "Normal", "reason": "First",
             "message": "earlier"},
        ]  # fmt: skip
        assert windlass("describe", "digits") == 0
        shown = capsys.readouterr().out
        assert "digits  Failed" in shown
        assert "Replica 0 ended 8 times." in shown
        assert "CrashLoop" in shown
        assert "Error: exited with code 3" in shown
        assert " 7s " in shown  # It ran from second 2 to second 9.
        assert "CPU cores 0.5, at most 2" in shown
        assert "8000 http, public" in shown
        assert shown.index("First") < shown.index("! Second")
        assert "windlass logs digits" in shown

    def test_json_holds_all_that_the_api_says(
        self, store: WorkloadStore, capsys: pytest.CaptureFixture[str]
    ) -> None:
        workload = store.add("digits")
        assert windlass("describe", "digits", "--json") == 0
        described = json.loads(capsys.readouterr().out)
        assert described["workload"] == workload
        assert described["inference"] == {"spec": {"image": "host/echo"}}
        assert (described["pods"], described["events"]) == ([], [])


class TestLogs:
    def add_pods(self, store: WorkloadStore) -> None:
        workload = store.add("digits")
        store.pods[workload["id"]] = [
            {"id": "old", "name": "digits-old", "k8sPhase": "Failed", "createdAt": "2026-01-01"},
            {"id": "new", "name": "digits-new", "k8sPhase": "Running", "createdAt": "2026-01-02"},
            {"id": "next", "name": "digits-next", "k8sPhase": "Pending", "createdAt": "2026-01-03"},
        ]
        store.logs.update(old=("old\n",), new=("one\n", "two\n"))

    def test_prints_the_newest_pod_that_runs(
        self, store: WorkloadStore, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.add_pods(store)
        assert windlass("logs", "digits") == 0
        assert capsys.readouterr().out == "one\ntwo\n"

    def test_prints_the_pod_that_is_named(
        self, store: WorkloadStore, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.add_pods(store)
        assert windlass("logs", "digits", "--pod", "digits-old", "--json") == 0
        assert json.loads(capsys.readouterr().out) == {"pod": "digits-old", "line": "old"}

    def test_names_the_pods_there_are(
        self, store: WorkloadStore, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.add_pods(store)
        assert windlass("logs", "digits", "--pod", "other") == 1
        assert "digits-next, digits-new, digits-old" in capsys.readouterr().err

    def test_says_why_there_is_no_log(
        self, store: WorkloadStore, capsys: pytest.CaptureFixture[str]
    ) -> None:
        store.add("digits", phase="Pending", phaseMessage="2 GPUs asked for, 1 free.")
        assert windlass("logs", "digits") == 1
        assert "2 GPUs asked for, 1 free." in capsys.readouterr().err


class TestDelete:
    def test_waits_until_all_are_gone(
        self, store: WorkloadStore, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("a", "b"):
            store.add(name)
        looks: dict[str, int] = {}

        def advance(workload: dict[str, Any]) -> None:
            looks[workload["id"]] = looks.get(workload["id"], 0) + 1
            if looks[workload["id"]] == 3:
                del store.workloads[workload["id"]]

        store.advance = advance
        assert windlass("delete", "a", "b", "--wait") == 0
        assert capsys.readouterr().out.splitlines()[-2:] == ["a is gone.", "b is gone."]
        assert not store.workloads

    def test_deletes_nothing_when_one_name_is_wrong(
        self, store: WorkloadStore, capsys: pytest.CaptureFixture[str]
    ) -> None:
        workload = store.add("a")
        assert windlass("delete", "a", "b") == 1
        assert "'b'" in capsys.readouterr().err
        assert workload["phase"] == "Running"

    def test_a_wait_that_takes_too_long_fails(
        self, store: WorkloadStore, capsys: pytest.CaptureFixture[str]
    ) -> None:
        store.add("a")
        assert windlass("delete", "a", "--wait", "--timeout", "0") == 1
        assert "not gone within 0 s" in capsys.readouterr().err


class TestSubmit:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "digits.yaml"
        path.write_text("name: digits\nspec: {image: host/digits}\n")
        return path

    def test_shows_each_phase_and_where_it_answers(
        self,
        store: WorkloadStore,
        platform: ScriptedPlatform,
        file: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        store.advance = through("Initializing", "Initializing", "Running")
        assert windlass("submit", "-f", str(file)) == 0
        lines = capsys.readouterr().out.splitlines()
        phases = [line.split()[-1] for line in lines if " s  digits" in line]
        assert phases == ["Creating", "Initializing", "Running"]
        assert lines[-1] == "digits answers at http://127.0.0.1:8081/default/digits/"
        posted = next(each.body for each in platform.requests if each.path.endswith("inferences"))
        assert (posted["projectId"], posted["clusterId"]) == ("2", "c")

    def test_failure_is_an_exit_status_with_the_reason(
        self, store: WorkloadStore, file: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def advance(workload: dict[str, Any]) -> None:
            workload.update(phase="Failed", phaseMessage="It ended with code 3.")

        store.advance = advance
        assert windlass("submit", "-f", str(file)) == 1
        assert "It ended with code 3." in capsys.readouterr().err

    def test_a_refusal_is_told_and_the_other_documents_go_on(
        self, store: WorkloadStore, tmp_path: Path, platform: ScriptedPlatform,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        def answer(request: Request) -> Answer:
            if request.method == "POST" and request.body["name"] == "bad":
                return Answer(400, {"code": 400, "message": "spec.image: is missing"})
            return store(request)

        platform.handler = answer
        file = tmp_path / "both.yaml"
        file.write_text("name: bad\nspec: {}\n---\nname: good\nspec: {image: host/echo}\n")
        assert windlass("submit", "-f", str(file), "--no-wait") == 1
        written = capsys.readouterr()
        assert "bad was refused: spec.image: is missing" in written.err
        assert "good is accepted" in written.out

    def test_nothing_is_sent_when_a_file_cannot_be_read(
        self, platform: ScriptedPlatform, file: Path, tmp_path: Path
    ) -> None:
        assert windlass("submit", "-f", str(file), "-f", str(tmp_path / "none.yaml")) == 1
        assert not platform.requests

    def test_a_project_is_taken_by_name(
        self, store: WorkloadStore, platform: ScriptedPlatform, file: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        store.advance = through("Running")
        assert windlass("submit", "-f", str(file), "--project", "research", "--json") == 0
        assert [each["name"] for each in json.loads(capsys.readouterr().out)] == ["digits"]
        posted = next(each.body for each in platform.requests if each.path.endswith("inferences"))
        assert posted["projectId"] == "7"
        assert windlass("submit", "-f", str(file), "--project", "resaerch") == 1
        assert "default, research" in capsys.readouterr().err


class TestStatus:
    PLATFORM: dict[str, Any] = {  # noqa: RUF012
        "version": "0.1.0",
        "tenantId": "1",
        "clusterId": "c",
        "dataDir": "/data",
        "database": "sqlite",
        "startedAt": "2026-01-01T00:00:00Z",
        "engine": {
            "name": "local",
            "node": "box",
            "cpuMillicores": 2500,
            "memoryBytes": 8 * 1024**3,
            "devices": [
                {
                    "id": "SIM-0",
                    "model": "H100",
                    "memoryBytes": 80 * 1024**3,
                    "simulated": True,
                    "portionAllocated": 0.5,
                }
            ],
            "trust": "All processes are one trust domain.",
            "limits": "Sampled.",
            "hostImages": ["host/digits"],
        },
        "gateway": {
            "url": "http://127.0.0.1:8081",
            "internalUrl": "http://127.0.0.1:8091",
            "envoy": "running",
            "gate": "running",
        },
        "controllers": {"running": True, "epoch": 3},
    }

    def test_tells_the_platform_in_one_screen(
        self, platform: ScriptedPlatform, capsys: pytest.CaptureFixture[str]
    ) -> None:
        platform.handler = lambda _request: Answer(body=self.PLATFORM)
        assert windlass("status") == 0
        shown = capsys.readouterr().out
        assert "box: 2.5 CPU cores, 8 GiB" in shown
        assert "H100 (simulated)" in shown
        assert "50%" in shown
        assert "All processes are one trust domain." in shown

    def test_fails_with_a_sentence_when_a_part_is_down(
        self, platform: ScriptedPlatform, capsys: pytest.CaptureFixture[str]
    ) -> None:
        gateway = {"url": "http://127.0.0.1:8081", "envoy": "down", "gate": "running"}
        platform.handler = lambda _request: Answer(body={**self.PLATFORM, "gateway": gateway})
        assert windlass("status", "--json") == 1
        written = capsys.readouterr()
        assert json.loads(written.out)["gateway"]["envoy"] == "down"
        assert "Envoy is down" in written.err
