"""A replica for large bodies: answers GET with one, and reads that of any other request to its end.

`PORT BYTES`; as little as can be done in Python, since it shares a core with the load.
"""

import asyncio
import sys
from typing import cast

import uvloop


class _Connection(asyncio.Protocol):
    """HTTP/1.1 as far as a load generator and a proxy speak it."""

    def __init__(self, large: bytes) -> None:
        self._large = large
        self._head = b""
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            self._head += data
            head, end, body = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._head = b""
            if head.startswith(b"GET"):
                self._answer(self._large)
                return
            length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
            self._missing = int(length) - len(body)
        if not self._missing:
            self._answer(b"read")

    def _answer(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
        self._transport.writelines([head, body])


async def _serve(port: int, size: int) -> None:
    large = b"x" * size
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(large), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(*map(int, sys.argv[1:])))
