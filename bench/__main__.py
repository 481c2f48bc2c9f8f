"""`make bench`: every bench in turn, or those that are named."""

import subprocess
import sys

BENCHES = (
    "footprint",
    "first_answer",
    "wake",
    "scale_step",
    "autoscale_many",
    "api",
    "workload_page",
    "project_page",
    "asset_page",
    "permissions",
    "template_launch",
    "sign_in_storm",
    "gateway",
    "envoy_instructions",
    "concurrency_limit",
    "slot_streams",
    "traffic",
    "containers",
    "scheduling",
)


def main() -> int:
    """Run each in a process of its own, so that none disturbs the next. 1 when one fails."""
    named = sys.argv[1:] or list(BENCHES)
    unknown = sorted(set(named) - set(BENCHES))
    if unknown:
        print(f"There is no bench {unknown[0]!r}; there are {', '.join(BENCHES)}.")
        return 2
    done = [subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False) for name in named]
    return int(any(process.returncode for process in done))


if __name__ == "__main__":
    sys.exit(main())
