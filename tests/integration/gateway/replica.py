"""A small replica with a real socket, to be routed to."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

from aiohttp import WSMsgType, web
from aiohttp.typedefs import Handler

from windlass.gateway.gateway import Endpoint

PIECE = b"piece\n"


class Replica:
    """Serves on a free loopback port, in a thread with a loop of its own.

    - `/echo…`: method, path as received, headers, and the body's size, as JSON
    - `/sleep?seconds=S`: answers after S seconds
    - `/wait`: answers once `release` was called
    - `/stream?pieces=N&pause=S`: N pieces, S seconds apart
    - `/socket`: a WebSocket that echoes
    - `/swallow`: reads the body to its end, and answers only then, with its digest in `x-digest`
    - `/cut`: reads the request, then closes the connection without a word
    """

    def __init__(self, name: str = "replica") -> None:
        self.name = name
        self.seen: Counter[str] = Counter()
        """Requests begun, by path."""
        self.marks: Counter[str] = Counter()
        """Requests begun, by their header `x-mark`."""
        self.order: list[str] = []
        """The headers `x-mark` of requests, in the order in which these began."""
        self.in_flight = 0
        self.peak = 0
        """Most requests that were ever here at once."""
        self.spans: list[tuple[float, float]] = []
        """When each request to `/sleep` began and ended, by the monotonic clock."""
        self.abandoned = 0
        """Requests whose client left before the answer."""
        self._released = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._started = threading.Event()
        self.port = 0

    def start(self) -> "Replica":
        """Return once it listens."""
        self._thread.start()
        assert self._started.wait(10)
        return self

    def stop(self) -> None:
        """Close every connection, unless it has been stopped before."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def release(self) -> None:
        """Let requests to `/wait` be answered."""
        self._released.set()

    @property
    def endpoint(self) -> Endpoint:
        """As the gateway is told of it."""
        return Endpoint(self.name, "127.0.0.1", self.port)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner = self._loop.run_until_complete(self._listen())
        self._started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _listen(self) -> web.AppRunner:
        application = web.Application(middlewares=[self._count], client_max_size=0)
        handlers: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
            "/sleep": self._sleep,
            "/wait": self._wait,
            "/stream": self._stream,
            "/socket": self._socket,
            "/swallow": self._swallow,
            "/cut": self._cut,
        }
        for path, handler in handlers.items():
            application.router.add_route("*", path, handler)
        application.router.add_route("*", "/{rest:.*}", self._echo)
        runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        self.port = runner.addresses[0][1]
        return runner

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A request has ended, for this count, just before its answer's end is sent."""
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            return await handler(request)
        finally:
            self.in_flight -= 1

    def _begin(self, request: web.Request) -> None:
        self.seen[request.path] += 1
        if mark := request.headers.get("x-mark"):
            self.marks[mark] += 1
            self.order.append(mark)

    async def _echo(self, request: web.Request) -> web.Response:
        self._begin(request)
        body = await request.read()
        answer: dict[str, Any] = {
            "replica": self.name,
            "method": request.method,
            "path": request.raw_path,
            "headers": {key.lower(): value for key, value in request.headers.items()},
            "size": len(body),
        }
        return web.json_response(answer)

    async def _sleep(self, request: web.Request) -> web.Response:
        self._begin(request)
        began = time.monotonic()
        await asyncio.sleep(float(request.query["seconds"]))
        self.spans.append((began, time.monotonic()))
        return web.Response(text=self.name)

    async def _wait(self, request: web.Request) -> web.Response:
        self._begin(request)
        try:
            while not self._released.is_set():
                await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            self.abandoned += 1
            raise
        return web.Response(text=self.name)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        self._begin(request)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for _ in range(int(request.query["pieces"])):
            await response.write(PIECE)
            await asyncio.sleep(float(request.query["pause"]))
        return response

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        self._begin(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(message.data)
        return socket

    async def _swallow(self, request: web.Request) -> web.Response:
        self._begin(request)
        size, digest = 0, sha256()
        async for chunk in request.content.iter_any():
            size += len(chunk)
            digest.update(chunk)
        return web.json_response({"size": size}, headers={"x-digest": digest.hexdigest()})

    async def _cut(self, request: web.Request) -> web.Response:
        self._begin(request)
        await request.read()
        assert request.transport is not None
        request.transport.abort()
        return web.Response()


StartReplica = Callable[[str], Replica]
"""Starts one of that name."""
