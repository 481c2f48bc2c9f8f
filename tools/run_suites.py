"""Runs the suites of `make test`, and says at the end what ran.

    python -m tools.run_suites [--long] [SUITE …]

Suites of tests run one after the other, and the checks, which take one processor each, beside the
first of them. Every suite runs, whatever comes of others; the exit status is 1 when any of them
failed.
As root, where nothing can be missing, a skipped test fails the run unless
`tests/permitted_skips.txt` lists it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tools.suite_results import SuiteResults

PROGRAMS = Path(sys.executable).parent
PERMITTED_SKIPS = Path("tests/permitted_skips.txt")
LIMIT_SECONDS = 1800
SHOWN_SKIPS = 5


@dataclass(frozen=True, slots=True)
class Check:
    """A suite of programs that say yes or no."""

    name: str
    commands: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class TestSuite:
    """A folder of tests, whose files run side by side in so many processes."""

    name: str
    processes: str = "1"
    """`auto`: one for each processor, up to four."""


SUITES: tuple[Check | TestSuite, ...] = (
    Check("style", (("ruff", "check"), ("ruff", "format", "--check"))),
    Check("types", (("mypy",),)),
    Check("imports", (("lint-imports",),)),
    TestSuite("unit", "auto"),
    TestSuite("api", "auto"),
    TestSuite("contract", "auto"),
    # These wait for processes to start and to end about as long as they compute.
    TestSuite("integration", "3"),
    TestSuite("end_to_end", "3"),
    TestSuite("crash", "2"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one suite."""

    name: str
    ok: bool
    seconds: float
    results: SuiteResults | None = None
    """None for a check, which has no tests to count."""


def main() -> None:
    """Run what the command line names, or everything."""
    names = [suite.name for suite in SUITES]
    parser = argparse.ArgumentParser(description="Run the test suites.")
    parser.add_argument("--long", action="store_true", help="the tests marked long, only those")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(names)}")
    options = parser.parse_args()
    if unknown := set(options.suites) - set(names):
        parser.error(f"no suite {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    chosen = [suite for suite in SUITES if not options.suites or suite.name in options.suites]
    if options.long:
        chosen = [suite for suite in chosen if isinstance(suite, TestSuite)]
    begin = time.monotonic()
    outcomes = run(chosen, options.long)
    sys.exit(0 if report(outcomes, time.monotonic() - begin) else 1)


def run(suites: Sequence[Check | TestSuite], long: bool) -> list[Outcome]:
    """Run suites, whatever comes of each."""
    with ThreadPoolExecutor(1) as beside:
        checks = [suite for suite in suites if isinstance(suite, Check)]
        checked = beside.submit(lambda: [run_check(check) for check in checks])
        tested = [run_suite(suite, long) for suite in suites if isinstance(suite, TestSuite)]
        return [*checked.result(), *tested]


def run_check(check: Check) -> Outcome:
    """Run its programs, and print what they say all at once."""
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        statuses = [run_program(command, said) for command in check.commands]
        said.seek(0)
        print(f"\n=== {check.name} ===\n{said.read()}", end="", flush=True)
    return Outcome(check.name, not any(statuses), time.monotonic() - begin)


def run_suite(suite: TestSuite, long: bool) -> Outcome:
    """Run its tests."""
    print(f"\n=== {suite.name} ===", flush=True)
    begin = time.monotonic()
    ok, results = run_tests(suite, long)
    return Outcome(suite.name, ok, time.monotonic() - begin, results)


def run_tests(suite: TestSuite, long: bool) -> tuple[bool, SuiteResults]:
    """Run a folder's tests; one without a single test has failed, unless only long ones count."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "results.json"
        command = ["pytest", "-q", f"tests/{suite.name}", "--results", str(path)]
        command += ["-m", "long" if long else "not long"]
        if not long and suite.processes != "1":
            command += ["-n", suite.processes, "--maxprocesses", "4", "--dist", "loadfile"]
            # Else files with many tests would go first; tests/conftest.py says which take long.
            command += ["--no-loadscope-reorder"]
        status = run_program(command)
        results = SuiteResults.read(path) if path.exists() else SuiteResults()
    return status == 0 or (long and status == 5), results


def run_program(command: Sequence[str], said: TextIO = sys.stdout) -> int:
    """A program of the virtual environment, which writes to `said`; its exit status."""
    program, *arguments = command
    process = subprocess.Popen(
        [PROGRAMS / program, *arguments], stdin=subprocess.DEVNULL, stdout=said, stderr=said
    )
    try:
        return process.wait(LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"{program} took more than {LIMIT_SECONDS} s and was killed", file=said)
        return -1
    finally:
        process.kill()
        process.wait()


def report(outcomes: Sequence[Outcome], seconds: float = 0.0) -> bool:
    """Print the closing lines, after so many seconds; whether all is well."""
    total = SuiteResults()
    for outcome in outcomes:
        total.add(outcome.results or SuiteResults())
    print("\n=== summary ===")
    for outcome in outcomes:
        print_outcome(outcome)
    print(f"{'all':12}{seconds:8.1f} s")
    refused = print_skips(total.skipped)
    print(total.databases_line())
    for test in total.failed:
        print(f"failed: {test}")
    failed_suites = [outcome.name for outcome in outcomes if not outcome.ok]
    if failed_suites:
        print(f"failed suites: {', '.join(failed_suites)}")
    print(total.counts(), flush=True)
    return not failed_suites and not refused


def print_outcome(outcome: Outcome) -> None:
    """One row: the suite, its seconds, how it went."""
    row = f"{outcome.name:12}{outcome.seconds:8.1f} s  {'ok' if outcome.ok else 'FAILED'}"
    print(row if outcome.results is None else f"{row}, {outcome.results.counts()}")


def print_skips(skipped: dict[str, str]) -> bool:
    """Print what was skipped and why; whether any of it may not be skipped here."""
    permitted = permitted_beginnings()
    groups: defaultdict[tuple[str, bool], list[str]] = defaultdict(list)
    for test, reason in skipped.items():
        refused = os.geteuid() == 0 and not test.startswith(permitted)
        groups[reason, refused].append(test)
    for (reason, refused), tests in sorted(groups.items()):
        verdict = ", which is not permitted here" if refused else ""
        print(f"skipped{verdict}: {reason} ({len(tests)} tests)")
        shown = tests if refused else tests[:SHOWN_SKIPS]
        print("".join(f"    {test}\n" for test in shown), end="")
    return any(refused for _reason, refused in groups)


def permitted_beginnings() -> tuple[str, ...]:
    """The beginnings of test ids that `tests/permitted_skips.txt` lists."""
    lines = PERMITTED_SKIPS.read_text().splitlines()
    return tuple(line.split("  ")[0] for line in lines if line and not line.startswith("#"))


if __name__ == "__main__":
    main()
