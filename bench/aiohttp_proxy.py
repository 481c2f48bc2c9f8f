"""A streaming proxy in Python, as the gateway might have been: `PORT REPLICA_PORT`."""

import sys
from collections.abc import AsyncIterator

from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

REPLICA = web.AppKey("replica", str)
SESSION = web.AppKey("session", ClientSession)


async def forward(request: web.Request) -> web.StreamResponse:
    """Send the request on, and its answer back, piece by piece."""
    session = request.app[SESSION]
    body = request.content if request.can_read_body else None
    address = f"{request.app[REPLICA]}{request.raw_path}"
    async with session.request(
        request.method, address, headers=request.headers, data=body, allow_redirects=False
    ) as answer:
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        await response.prepare(request)
        async for piece in answer.content.iter_any():
            await response.write(piece)
        await response.write_eof()
        return response


async def with_session(application: web.Application) -> AsyncIterator[None]:
    """One pool of connections for all requests."""
    timeout = ClientTimeout(total=None)
    connector = TCPConnector(limit=0)
    async with ClientSession(
        timeout=timeout, connector=connector, auto_decompress=False
    ) as session:
        application[SESSION] = session
        yield


def main() -> None:
    """Serve until killed."""
    port, replica_port = map(int, sys.argv[1:])
    application = web.Application()
    application[REPLICA] = f"http://127.0.0.1:{replica_port}"
    application.cleanup_ctx.append(with_session)
    application.router.add_route("*", "/{rest:.*}", forward)
    web.run_app(application, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main()
