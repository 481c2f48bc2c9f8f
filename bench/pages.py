"""What a page of 50 records costs where there are many of them, against where there are few."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.api_process import ApiProcess, Store, make_store, serving
from bench.load import run_load
from bench.measuring import Report, interleaved, median_ratio

SMALL = 100
_SECONDS = 3.0


def compare_pages(
    name: str, fill: Callable[[Store, int], object], large: int, paths: Mapping[str, str]
) -> None:
    """Measure the pages at `paths`, once out of SMALL records and once out of `large`; report.

    `fill` writes that many records into a store.
    """
    report = Report(
        name,
        {
            "store": "SQLite, WAL, synchronous=FULL",
            "connections": 1,
            "API": "one process on core 0, 16 threads; load on core 1",
            "rows": f"{SMALL} and {large}",
        },
    )
    with tempfile.TemporaryDirectory() as folder:
        few_records = make_store(Path(folder, "small"))
        many_records = make_store(Path(folder, "large"))
        fill(few_records, SMALL)
        fill(many_records, large)
        with serving(few_records, 0) as few, serving(many_records, 0) as many:
            for page, path in paths.items():
                values = interleaved([lambda: _p50(few, path), lambda: _p50(many, path)])  # noqa: B023
                report.add(f"{page}: p50 of {SMALL}", sorted(values[0])[2], "ms")
                report.add(f"{page}: p50 of {large}", sorted(values[1])[2], "ms")
                report.add(f"{page}: ratio", median_ratio(values[1], values[0]), "times", "<= 2")
    report.finish()


def _p50(api: ApiProcess, path: str) -> float:
    load = run_load(f"{api.url}{path}", _SECONDS, 1, api.headers, cores=[1])
    if load.failed:
        raise AssertionError(f"{load.failed} requests to {path} failed")
    return load.p50_ms
