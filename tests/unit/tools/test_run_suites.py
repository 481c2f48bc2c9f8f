"""What a run says about itself in its last lines, and when it fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import run_suites
from tools.run_suites import Check, Outcome, report, run
from tools.suite_results import SuiteResults

ROOT = Path(__file__).parents[3]

SUITE = """
import pytest

@pytest.mark.parametrize("database", ["sqlite", "postgresql", "sqlite"])
def test_on(database, request):
    request.node.user_properties.append(("database", database))

def test_fails():
    assert False

@pytest.fixture
def unclean():
    yield
    raise RuntimeError

def test_passes_but_does_not_clean_up(unclean):
    pass

def test_skipped():
    pytest.skip("no GPU")

@pytest.mark.skipif(True, reason="no Docker")
def test_marked():
    pass

@pytest.mark.xfail(reason="hard")
def test_expected_to_fail():
    assert False
"""


@pytest.fixture
def skips_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "permitted_skips.txt"
    path.write_text("# A comment.\n\ntests/gpu/  no GPU here\n")
    monkeypatch.setattr(run_suites, "PERMITTED_SKIPS", path)
    return path


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "two workers"])
def test_outcomes_of_a_real_run_are_counted(tmp_path: Path, workers: list[str]) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "test_broken.py").write_text("import nothing_of_that_name")
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    path = tmp_path / "results.json"
    command = ["-m", "pytest", "-q", "--rootdir", str(tmp_path), "--results", str(path), *workers]
    command += ["--continue-on-collection-errors", str(tmp_path)]
    ran = subprocess.run(
        [sys.executable, *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    results = SuiteResults.read(path)
    assert len(results.passed) == 3
    assert {test.rpartition("::")[2] for test in results.failed} == {
        "test_broken.py",
        "test_fails",
        "test_passes_but_does_not_clean_up",
    }
    assert sorted(results.skipped.values()) == ["expected to fail: hard", "no Docker", "no GPU"]
    assert results.databases == {"sqlite": 2, "postgresql": 1}
    assert "tests on each database: postgresql 1, sqlite 2" in ran.stdout


@pytest.mark.usefixtures("skips_file")
def test_the_last_line_counts_tests_of_all_suites(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [
        Outcome("style", True, 0.5),
        Outcome("unit", True, 2.0, SuiteResults(["a", "b"], databases={"sqlite": 1})),
        Outcome("api", True, 3.0, SuiteResults(["c"], databases={"sqlite": 1, "postgresql": 1})),
    ]
    assert report(outcomes)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "3 passed, 0 failed, 0 skipped"
    assert lines[-2] == "tests on each database: postgresql 1, sqlite 2"


@pytest.mark.usefixtures("skips_file")
@pytest.mark.parametrize(
    "outcome",
    [Outcome("style", False, 1.0), Outcome("unit", False, 1.0, SuiteResults(["a"], ["b"]))],
    ids=["check", "tests"],
)
def test_a_failed_suite_fails_the_run(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    assert not report([outcome, Outcome("api", True, 1.0, SuiteResults(["c"]))])
    assert f"failed suites: {outcome.name}" in capsys.readouterr().out


def test_every_check_runs_and_says_all_at_once_what_it_found(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_suites, "PROGRAMS", Path("/bin"))
    wrong = Check("wrong", (("sh", "-c", "echo found; echo this >&2; exit 3"), ("echo", "more")))
    outcomes = run([wrong, Check("right", (("echo", "nothing"),))], long=False)
    assert [(each.name, each.ok) for each in outcomes] == [("wrong", False), ("right", True)]
    said = capfd.readouterr().out
    assert said == "\n=== wrong ===\nfound\nthis\nmore\n\n=== right ===\nnothing\n"


@pytest.mark.usefixtures("skips_file")
@pytest.mark.parametrize(
    ("user", "test", "well"),
    [
        (0, "tests/gpu/test_nvml.py::test_memory", True),
        (0, "tests/unit/test_other.py::test_memory", False),
        (1000, "tests/unit/test_other.py::test_memory", True),
    ],
)
def test_as_root_only_permitted_skips_pass(
    user: int, test: str, well: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    outcome = Outcome("unit", True, 1.0, SuiteResults(["a"], skipped={test: "not here"}))
    assert report([outcome]) is well
