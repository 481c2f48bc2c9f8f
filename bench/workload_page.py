"""A page of 50 workloads out of 100,000, against the same page out of 100."""

from bench.pages import compare_pages
from bench.records import fill

PATHS = {
    "first page": "/api/v1/workloads?limit=50",
    "sorted by name": "/api/v1/workloads?limit=50&sortBy=name",
    "newest first": "/api/v1/workloads?limit=50&sortBy=createdAt&sortOrder=desc",
}


def main() -> None:
    """Measure and report."""
    compare_pages("workload-page", fill, 100_000, PATHS)


if __name__ == "__main__":
    main()
