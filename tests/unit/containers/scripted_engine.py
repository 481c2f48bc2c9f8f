"""An engine's Unix socket that answers as a test tells it to, and remembers what was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

Answer = tuple[int, list[bytes]]
"""A status, and the parts of a body that is sent in chunks."""

VERSION = {"Version": "27.0.1", "Components": [{"Name": "Engine"}]}
INFO = {
    "Driver": "overlay2",
    "DockerRootDir": "/nowhere",
    "MemoryLimit": True,
    "CpuCfsQuota": True,
    "PidsLimit": True,
    "CgroupVersion": "2",
    "Runtimes": {"runc": {}, "nvidia": {}},
    "DefaultRuntime": "runc",
    "SecurityOptions": ["name=seccomp,profile=builtin"],
}


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


@contextmanager
def scripted_engine(path: Path, answer: Callable[[str, str], Answer | None]) -> Iterator[list[str]]:
    """Serve on a socket; `answer` None gives what Docker would say of itself, else 404."""
    asked: list[str] = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                asked.append(f"{self.command} {self.path}")
            status, parts = answer(self.command, self.path) or _ordinary(self.path)
            self.send_response(status)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in parts:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST = do_DELETE = do  # noqa: N815

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *_: Any) -> None:
            """Nothing to standard error."""

    server = _Server(str(path), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        path.unlink()


def as_json(content: object) -> Answer:
    """A body of one JSON value."""
    return 200, [json.dumps(content).encode()]


def _ordinary(path: str) -> Answer:
    if path == "/version":
        return as_json(VERSION)
    if path == "/info":
        return as_json(INFO)
    if path == "/_ping":
        return 200, [b"OK"]
    return 404, [b'{"message": "no such thing"}']
