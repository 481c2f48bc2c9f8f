"""Who watches hears at once for which workloads a request waits: their ids, a line each.

That is on the way of every request that wakes a workload, where gRPC would take a millisecond more.
"""

import asyncio
from functools import partial
from pathlib import Path

from windlass.gateway.gate.demand import Demand
from windlass.gateway.gate.publisher import Publisher


async def serve_watchers(socket: Path, demand: Demand, publisher: Publisher) -> asyncio.Server:
    """Tell whoever connects, until it hangs up."""
    return await asyncio.start_unix_server(partial(_serve, demand, publisher), str(socket))


async def _serve(
    demand: Demand,
    publisher: Publisher,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    telling = asyncio.create_task(_tell(demand, publisher, writer))
    try:
        # It never says anything.
        await reader.read()
    except ConnectionError:
        return
    finally:
        telling.cancel()
        writer.close()


async def _tell(demand: Demand, publisher: Publisher, writer: asyncio.StreamWriter) -> None:
    async for workload_id in demand.watch():
        if publisher.holds_requests(workload_id):
            writer.write(f"{workload_id}\n".encode())
