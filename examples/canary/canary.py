"""A replica that tells what was made of it and misbehaves when asked; standard library alone.

It listens on PORT and answers JSON. Requests with a header `x-mark` are noted in the file RECORD of
the environment, if there is one. Every path takes any method:

- `/`: its arguments, environment, user, groups, cgroup, resource limits, process id and port.
- `/echo`: method, path, headers, port, and length and SHA-256 of the body.
- `/ready`: 200 or 503; `/set-ready?value=false` makes it 503, `true` 200 again.
- `/requests?path=P`: when that path was asked for, in seconds since the start.
- `/sleep?seconds=N`: answers after N seconds.
- `/stream?count=N&interval=S`: N chunks, `chunk 0` to `chunk N-1`, a line each, S seconds apart.
- `/websocket`: echoes text and binary messages.
- `/exit?code=N`: exits at once, without an answer.
- `/allocate?megabytes=N`: fills that much more memory and keeps it.
- `/metrics`: what `/set-metric?name=N&value=V` was told, in Prometheus' text format, and the port
  that was asked, as `canary_port`.
- `/spin?seconds=N`: keeps one core busy, then tells the processor time it was given.
- `/spawn?seconds=N`: leaves a child in a session of its own that ignores SIGTERM; tells its pid.
- `/read?path=P`: whether it may open that file or folder, with the error's name if not.
- `/print?text=T&count=N`: writes N lines to standard output.
"""

import argparse
import base64
import hashlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3.
WEBSOCKET_CLOSE, WEBSOCKET_PING, WEBSOCKET_PONG = 0x8, 0x9, 0xA

started = time.monotonic()
requests: list[tuple[str, float]] = []
ready = threading.Event()
allocated: list[bytearray] = []
metrics: dict[str, float] = {}


def main() -> None:
    """Do what the options say, then serve until SIGTERM."""
    options = parse_options()
    print(f"canary {os.getpid()} started", flush=True)
    print("canary warns on standard error", file=sys.stderr, flush=True)
    if options.exit_at_start is not None:
        sys.exit(options.exit_at_start)
    signal.signal(signal.SIGTERM, signal.SIG_IGN if options.ignore_sigterm else leave)
    time.sleep(options.delay_listen)
    if not options.not_ready:
        ready.set()
    port = options.listen_on or int(os.environ["PORT"])
    Handler.ready_delay = options.slow_ready
    for further in options.also_listen_on:
        threading.Thread(target=Server((options.host, further), Handler).serve_forever).start()
    server = Server((options.host, port), Handler)
    if options.certificate is not None:
        encrypt(server, options.certificate)
    server.serve_forever()


def parse_options() -> argparse.Namespace:
    """The options, as `--help` lists them."""
    parser = argparse.ArgumentParser(description="A replica for tests.")
    parser.add_argument("--exit-at-start", type=int, metavar="CODE", help="exit before listening")
    parser.add_argument("--delay-listen", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 in a container")
    parser.add_argument("--listen-on", type=int, metavar="PORT", help="instead of $PORT")
    parser.add_argument(
        "--also-listen-on", type=int, action="append", default=[], metavar="PORT", help="beside it"
    )
    parser.add_argument("--not-ready", action="store_true", help="until /set-ready?value=true")
    parser.add_argument("--slow-ready", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--certificate", metavar="FILE", help="speak TLS; with its key, as PEM")
    parser.add_argument("--ignore-sigterm", action="store_true")
    parser.add_argument("words", nargs="*", help="ignored, but told")
    return parser.parse_args()


def leave(_signal: int, _frame: object) -> None:
    """Exit with code 0, whatever is in flight."""
    os._exit(0)


def encrypt(server: ThreadingHTTPServer, certificate: str) -> None:
    """Speak TLS on every connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)


class Server(ThreadingHTTPServer):
    """One thread a connection, as many as come."""

    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Routes requests to the functions below."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    ready_delay = 0.0

    def do_GET(self) -> None:
        """Any method comes here."""
        url = urlsplit(self.path)
        requests.append((url.path, time.monotonic() - started))
        if mark := self.headers.get("x-mark"):
            note(mark)
        query = dict(parse_qsl(url.query))
        if url.path == "/websocket":
            self.answer_websocket()
        elif url.path == "/stream":
            self.read_body()
            self.answer_stream(int(query.get("count", 10)), float(query.get("interval", 0.1)))
        elif url.path == "/echo":
            self.answer(200, self.echo())
        elif url.path == "/ready":
            time.sleep(self.ready_delay)
            self.answer(200 if ready.is_set() else 503, {"ready": ready.is_set()})
        elif url.path == "/metrics":
            told = {"canary_port": self.connection.getsockname()[1], **metrics}
            self.answer_text("".join(f"{name} {value}\n" for name, value in told.items()))
        elif action := ACTIONS.get(url.path):
            self.read_body()
            self.answer(*outcome_of(action, query))
        else:
            self.read_body()
            self.answer(404, {"error": f"no {url.path} here"})

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET  # noqa: N815

    def answer(self, status: int, body: dict[str, Any]) -> None:
        """One JSON answer."""
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def answer_text(self, text: str) -> None:
        """One plain answer."""
        content = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def answer_stream(self, count: int, interval: float) -> None:
        """Chunked, each chunk sent as soon as it is there."""
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(count):
            time.sleep(interval if number else 0)
            line = f"chunk {number}\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.write(b"0\r\n\r\n")

    def answer_websocket(self) -> None:
        """Switch protocols and stay until the peer closes."""
        key = self.headers.get("Sec-WebSocket-Key")
        if key is None:
            self.answer(400, {"error": "not a WebSocket handshake"})
            return
        self.wfile.write(handshake_answer(key))
        echo_messages(self.rfile, self.wfile)
        self.close_connection = True

    def echo(self) -> dict[str, Any]:
        """What came in."""
        digest = hashlib.sha256()
        length = 0
        for part in self.body_parts():
            digest.update(part)
            length += len(part)
        return {
            "method": self.command,
            "path": self.path,
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
            "body": {"length": length, "sha256": digest.hexdigest()},
            "pid": os.getpid(),
            "port": self.connection.getsockname()[1],
        }

    def read_body(self) -> None:
        """Leave the connection at the start of the next request."""
        for _part in self.body_parts():
            pass

    def body_parts(self) -> Iterator[bytes]:
        """The body, of either framing, as it comes (RFC 9112, sections 6 and 7)."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield from self.read_exactly(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
        else:
            yield from self.read_exactly(int(self.headers.get("Content-Length", 0)))

    def read_exactly(self, size: int) -> Iterator[bytes]:
        """That many bytes, in parts of at most 64 KiB."""
        while size:
            part = self.rfile.read(min(size, 65536))
            if not part:
                raise ConnectionResetError("the body ended early")
            size -= len(part)
            yield part

    def log_message(self, *_args: Any) -> None:
        """Requests are not logged: logs hold what tests put there."""


def outcome_of(
    action: Callable[[dict[str, str]], dict[str, Any]], query: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    """Status and body."""
    try:
        return 200, action(query)
    except KeyError as missing:
        return 400, {"error": f"the query lacks {missing}"}
    except ValueError as error:
        return 400, {"error": str(error)}


def tell(_query: dict[str, str]) -> dict[str, Any]:
    """What the process is."""
    return {
        "argv": Path("/proc/self/cmdline").read_text().split("\0")[:-1],
        "environment": dict(os.environ),
        "cwd": str(Path.cwd()),
        "pid": os.getpid(),
        "ppid": os.getppid(),
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "cgroup": Path("/proc/self/cgroup").read_text().splitlines(),
        "limits": Path("/proc/self/limits").read_text().splitlines(),
        "port": os.environ.get("PORT"),
        "host": socket.gethostname(),
    }


def set_metric(query: dict[str, str]) -> dict[str, Any]:
    """Give a metric a value."""
    metrics[query["name"]] = float(query["value"])
    return dict(metrics)


def set_ready(query: dict[str, str]) -> dict[str, Any]:
    """Become ready, or not."""
    if query["value"] == "true":
        ready.set()
    else:
        ready.clear()
    return {"ready": ready.is_set()}


def tell_requests(query: dict[str, str]) -> dict[str, Any]:
    """Those that came for one path."""
    return {"seconds": [seconds for path, seconds in requests if path == query["path"]]}


def note(mark: str) -> None:
    """Add a line to the file RECORD: which process got the request, and its mark."""
    if record := os.environ.get("RECORD"):
        with open(record, "a") as file:
            file.write(f"{os.getpid()} {mark}\n")


def sleep(query: dict[str, str]) -> dict[str, Any]:
    """Take time without using any."""
    began = time.monotonic()
    time.sleep(float(query["seconds"]))
    return {"slept": float(query["seconds"]), "from": began, "to": time.monotonic()}


def exit_now(query: dict[str, str]) -> dict[str, Any]:
    """Vanish in the middle of a request."""
    os._exit(int(query["code"]))


def allocate(query: dict[str, str]) -> dict[str, Any]:
    """Fill memory, a megabyte at a time, so that every page is really there."""
    for _ in range(int(query["megabytes"])):
        allocated.append(bytearray(os.urandom(1)) * 2**20)
    return {"megabytes": len(allocated)}


def spin(query: dict[str, str]) -> dict[str, Any]:
    """Ask for a whole core."""
    before = time.process_time()
    until = time.monotonic() + float(query["seconds"])
    while time.monotonic() < until:
        pass
    return {"processor_seconds": time.process_time() - before}


def spawn(query: dict[str, str]) -> dict[str, Any]:
    """Leave a descendant that is not easily got rid of."""
    script = (
        f"import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep({query['seconds']})"
    )
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", script], start_new_session=True)
    return {"pid": child.pid}


def read(query: dict[str, str]) -> dict[str, Any]:
    """Try a file or a folder."""
    path = Path(query["path"])
    try:
        size = len(list(path.iterdir())) if path.is_dir() else len(path.read_bytes())
    except OSError as error:
        return {"allowed": False, "error": type(error).__name__}
    return {"allowed": True, "size": size}


def print_lines(query: dict[str, str]) -> dict[str, Any]:
    """Write to the log."""
    count = int(query.get("count", 1))
    for _ in range(count):
        print(query["text"])
    sys.stdout.flush()
    return {"lines": count}


ACTIONS: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    "/": tell,
    "/set-ready": set_ready,
    "/set-metric": set_metric,
    "/requests": tell_requests,
    "/sleep": sleep,
    "/exit": exit_now,
    "/allocate": allocate,
    "/spin": spin,
    "/spawn": spawn,
    "/read": read,
    "/print": print_lines,
}


def handshake_answer(key: str) -> bytes:
    """The response that switches protocols, to the client's Sec-WebSocket-Key (section 4.2.2)."""
    accept = base64.b64encode(hashlib.sha1(key.encode() + WEBSOCKET_GUID).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n" % accept
    )


def echo_messages(incoming: BufferedIOBase, outgoing: BufferedIOBase) -> None:
    """Send every frame back as it is until the peer closes or goes away; pings become pongs."""
    while len(head := incoming.read(2)) == 2:
        opcode = head[0] & 0x0F
        payload = read_payload(incoming, head[1] & 0x7F)
        answer = head[0] & 0xF0 | (WEBSOCKET_PONG if opcode == WEBSOCKET_PING else opcode)
        if opcode != WEBSOCKET_PONG:
            outgoing.write(bytes([answer]) + length_field(len(payload)) + payload)
        if opcode == WEBSOCKET_CLOSE:
            return


def read_payload(incoming: BufferedIOBase, short_length: int) -> bytes:
    """The rest of a frame; a client's frames are always masked (section 5.2)."""
    length = short_length
    if short_length == 126:
        length = int.from_bytes(incoming.read(2))
    elif short_length == 127:
        length = int.from_bytes(incoming.read(8))
    mask = incoming.read(4)
    masked = incoming.read(length)
    repeated = (mask * (len(masked) // 4 + 1))[: len(masked)]
    return (int.from_bytes(masked) ^ int.from_bytes(repeated)).to_bytes(len(masked))


def length_field(size: int) -> bytes:
    """The length of a frame that is not masked (section 5.2)."""
    if size < 126:
        return bytes([size])
    if size < 2**16:
        return b"\x7e" + size.to_bytes(2)
    return b"\x7f" + size.to_bytes(8)


if __name__ == "__main__":
    main()
