"""Serves the API in the calling process."""

import asyncio
import socket
from collections.abc import Callable

import uvicorn

from windlass.app.api import create_api
from windlass.app.context import Context
from windlass.app.http import Observed
from windlass.app.tls.serving_context import ServingContext
from windlass.kit.database import Database
from windlass.kit.garbage import made_to_stay

_THREADS = 16
_GRACE_SECONDS = 5


def serve_api(context: Context, listener: socket.socket, when_ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT."""
    database = Database(context.database_url)
    with made_to_stay():
        application = Observed(create_api(context, database))
    encryption = None if context.tls is None else ServingContext(context.tls)
    server = _Server(
        uvicorn.Config(
            application,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            backlog=2048,
            ssl_context_factory=(
                None if encryption is None else lambda _config, _default: encryption.context
            ),
        ),
        when_ready,
    )
    if encryption is not None:
        encryption.follow()
    server.run(sockets=[listener])
    database.close()


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, when_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        import anyio.to_thread

        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        await super().startup(sockets)
        asyncio.get_running_loop().call_soon(self._when_ready)
