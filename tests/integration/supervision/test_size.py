"""Each supervisor costs a replica little memory."""

from pathlib import Path

from tests.integration.supervision.conftest import Supervised, wait_until
from windlass.kit.supervision.specification import Probe

LIMIT_KIBIBYTES = 12_000_000 / 1024


def proportional_kibibytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise AssertionError("no Pss in smaps_rollup")


def test_a_busy_supervisor_stays_within_12_megabytes(
    supervised: Supervised, free_port: int
) -> None:
    """After a flood of output and many probes."""
    program = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("x" * 100_000, flush=True)
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
    supervised.launch(
        program,
        str(free_port),
        port=free_port,
        probe=Probe(path="/", period_seconds=0.01),
        log_file_bytes=1_000_000,
    )
    wait_until(lambda: len(supervised.log()) > 2_000_000, "it has written much")
    pid = supervised.observe().supervisor_pid
    assert pid is not None
    assert proportional_kibibytes(pid) <= LIMIT_KIBIBYTES
