"""What a run of pytest did, counted for people and for `run_suites`."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import pytest

DATABASE_PROPERTY = "database"
"""Name of the property under which a test records which database it ran on."""


@dataclass(slots=True)
class SuiteResults:
    """Outcomes by node id. A test that passes but fails to clean up has failed."""

    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    """Each with its reason."""
    databases: dict[str, int] = field(default_factory=dict)
    """How many tests were run, skipped ones left out, on each database."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Results that `ResultsCollector` wrote."""
        return cls(**json.loads(path.read_text()))

    def add(self, other: "SuiteResults") -> None:
        """Count another run's tests, too."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped |= other.skipped
        self.databases = dict(Counter(self.databases) + Counter(other.databases))

    def counts(self) -> str:
        """How many tests ended how."""
        return f"{len(self.passed)} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"

    def databases_line(self) -> str:
        """How many tests ran on each database."""
        counts = [f"{name} {count}" for name, count in sorted(self.databases.items())]
        return f"tests on each database: {', '.join(counts) or 'none'}"


class ResultsCollector:
    """A pytest plugin. With `pytest-xdist` it belongs into the process that hands out tests."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._reports: dict[str, list[pytest.TestReport]] = {}
        self._broken_files: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test: set-up, call or tear-down."""
        self._reports.setdefault(report.nodeid, []).append(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported counts as one failed test."""
        if report.failed:
            self._broken_files.append(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write what was counted, if anybody wants to read it."""
        if self._path:
            self._path.write_text(json.dumps(asdict(self.results())))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line on databases, where tests used any."""
        results = self.results()
        if results.databases:
            terminalreporter.write_line(results.databases_line())

    def results(self) -> SuiteResults:
        """What happened up to now."""
        results = SuiteResults(failed=list(self._broken_files))
        databases: Counter[str] = Counter()
        for test, reports in self._reports.items():
            skipped = [report for report in reports if report.skipped]
            if any(report.failed for report in reports):
                results.failed.append(test)
            elif skipped:
                results.skipped[test] = _reason(skipped[0])
                continue
            else:
                results.passed.append(test)
            databases.update(
                str(value)
                for name, value in reports[-1].user_properties
                if name == DATABASE_PROPERTY
            )
        results.databases = dict(databases)
        return results


def _reason(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return f"expected to fail: {getattr(report, 'wasxfail', '')}"
