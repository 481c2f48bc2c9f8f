"""A gRPC server with a real socket, to be routed to, and a client of it."""

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc

from windlass.gateway.gateway import Endpoint

SERVICE = "windlass.test.Words"


class GrpcReplica:
    """Serves bytes on a loopback port, a free one unless it is given.

    - `Shout`: one message, upper case; trailing metadata `seen` is the metadata `mark` that came
    - `Echo`: a stream of messages, each sent back at once; trailing metadata `count`
    - `Fail`: the status NOT_FOUND with a message
    """

    def __init__(self, name: str = "grpc-replica", port: int = 0) -> None:
        self.name = name
        self.marks: list[str] = []
        handlers = {
            "Shout": grpc.unary_unary_rpc_method_handler(self._shout),
            "Echo": grpc.stream_stream_rpc_method_handler(self._echo),
            "Fail": grpc.unary_unary_rpc_method_handler(self._fail),
        }
        self._server = grpc.server(ThreadPoolExecutor(16))
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, handlers),)
        )
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")

    def start(self) -> "GrpcReplica":
        """Listen."""
        self._server.start()
        return self

    def wait(self) -> None:
        """Serve without end."""
        self._server.wait_for_termination()

    def stop(self) -> None:
        """Close every connection."""
        self._server.stop(grace=None).wait()

    @property
    def endpoint(self) -> Endpoint:
        """As the gateway is told of it."""
        return Endpoint(self.name, "127.0.0.1", self.port)

    def _shout(self, message: bytes, context: grpc.ServicerContext) -> bytes:
        marks = [str(value) for key, value in context.invocation_metadata() if key == "mark"]
        self.marks += marks
        _note(marks)
        context.set_trailing_metadata([("seen", ",".join(marks))])
        return message.upper()

    def _echo(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        count = 0
        _note([str(value) for key, value in context.invocation_metadata() if key == "mark"])
        for message in messages:
            count += 1
            yield message
        context.set_trailing_metadata([("count", str(count))])

    def _fail(self, _message: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(grpc.StatusCode.NOT_FOUND, "no such word")
        raise AssertionError


class GrpcClient:
    """Calls by a gateway at `port`, for the workload of `authority`."""

    def __init__(self, port: int, authority: str, trusted: str | None = None) -> None:
        target = f"127.0.0.1:{port}"
        options = [("grpc.default_authority", authority), ("grpc.enable_http_proxy", 0)]
        if trusted is None:
            self._channel = grpc.insecure_channel(target, options=options)
        else:
            credentials = grpc.ssl_channel_credentials(trusted.encode())
            self._channel = grpc.secure_channel(target, credentials, options=options)

    def close(self) -> None:
        """Disconnect."""
        self._channel.close()

    def unary(self, method: str) -> Any:
        """A method that takes one message."""
        return self._channel.unary_unary(f"/{SERVICE}/{method}")

    def stream(self, method: str) -> Any:
        """A method that takes and gives streams."""
        return self._channel.stream_stream(f"/{SERVICE}/{method}")


@contextlib.contextmanager
def client_of(port: int, authority: str, trusted: str | None = None) -> Iterator[GrpcClient]:
    """A client while the context lasts, by TLS where it is said which authority it trusts."""
    client = GrpcClient(port, authority, trusted)
    try:
        yield client
    finally:
        client.close()


def _note(marks: list[str]) -> None:
    """Add a line for each to the file RECORD of the environment: which process got it."""
    if record := os.environ.get("RECORD"):
        with Path(record).open("a") as file:
            file.writelines(f"{os.getpid()} {mark}\n" for mark in marks)


if __name__ == "__main__":
    GrpcReplica(port=int(os.environ["PORT"])).start().wait()
