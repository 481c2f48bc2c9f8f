"""A page of 50 workloads out of 100,000, against the same page out of 100."""

import tempfile
from pathlib import Path

from bench.api_process import ApiProcess, make_store, serving
from bench.load import run_load
from bench.measuring import Report, interleaved, median_ratio
from bench.records import fill

SMALL, LARGE = 100, 100_000
SECONDS = 3.0
PATHS = {
    "first page": "/api/v1/workloads?limit=50",
    "sorted by name": "/api/v1/workloads?limit=50&sortBy=name",
    "newest first": "/api/v1/workloads?limit=50&sortBy=createdAt&sortOrder=desc",
}


def main() -> None:
    """Measure and report."""
    report = Report(
        "workload-page",
        {
            "store": "SQLite, WAL, synchronous=FULL",
            "connections": 1,
            "API": "one process on core 0, 16 threads; load on core 1",
            "rows": f"{SMALL} and {LARGE}",
        },
    )
    with tempfile.TemporaryDirectory() as folder:
        small, large = make_store(Path(folder, "small")), make_store(Path(folder, "large"))
        fill(small, SMALL)
        fill(large, LARGE)
        with serving(small, 0) as few, serving(large, 0) as many:
            for name, path in PATHS.items():
                values = interleaved([lambda: _p50(few, path), lambda: _p50(many, path)])  # noqa: B023
                report.add(f"{name}: p50 of {SMALL}", sorted(values[0])[2], "ms")
                report.add(f"{name}: p50 of {LARGE}", sorted(values[1])[2], "ms")
                report.add(f"{name}: ratio", median_ratio(values[1], values[0]), "times", "<= 2")
    report.finish()


def _p50(api: ApiProcess, path: str) -> float:
    load = run_load(f"{api.url}{path}", SECONDS, 1, api.headers, cores=[1])
    if load.failed:
        raise AssertionError(f"{load.failed} requests to {path} failed")
    return load.p50_ms


if __name__ == "__main__":
    main()
