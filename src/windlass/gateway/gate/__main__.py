"""Run the gate: `python -m windlass.gateway.gate --directory DIR`."""

import argparse
import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
from functools import partial
from pathlib import Path

import uvloop

from windlass.gateway.files import GatewayFiles
from windlass.gateway.gate.admin import EnvoyAdmin
from windlass.gateway.gate.admission import Admission
from windlass.gateway.gate.control import Control, methods
from windlass.gateway.gate.demand import Demand
from windlass.gateway.gate.discovery import Discovery
from windlass.gateway.gate.drain import Drain
from windlass.gateway.gate.grpc_streams import serve_streams
from windlass.gateway.gate.hearing import Hearing
from windlass.gateway.gate.holds import Checks, Holds
from windlass.gateway.gate.lending import lend_forever
from windlass.gateway.gate.processing import Processing
from windlass.gateway.gate.publisher import Publisher
from windlass.gateway.gate.recount import Recount
from windlass.gateway.gate.room import Room
from windlass.gateway.gate.server import control_server, discovery_server
from windlass.gateway.gate.server_certificate import ServerCertificate
from windlass.gateway.gate.store import Store
from windlass.gateway.gate.traffic import Traffic
from windlass.gateway.gate.watching import serve_watchers
from windlass.kit import datagrams
from windlass.kit.clock import SystemClock

_LONGEST_REPLICA_ID = 1024


def main() -> int:
    """Serve until SIGTERM. Exit code 1 where another gate has the directory."""
    parser = argparse.ArgumentParser(prog="windlass.gateway.gate", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True)
    files = GatewayFiles(parser.parse_args().directory.absolute())
    os.umask(0o077)
    files.prepare()
    lock = files.lock.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"Another gate serves {files.directory}.", file=sys.stderr)
        return 1
    os.chdir(files.directory)
    uvloop.run(_serve(files))
    return 0


async def _serve(files: GatewayFiles) -> None:
    clock = SystemClock()
    discovery = Discovery()
    store = Store(files.snapshot)
    certificate = ServerCertificate(discovery, store)
    publisher = Publisher(discovery, store, clock, certificate)
    demand = Demand(clock, Room.of_this_machine())
    admin = EnvoyAdmin(Path(files.admin_socket.name))
    admission = Admission(publisher, discovery, demand, clock)
    publisher.load(admission)
    holds = Holds(discovery, publisher.outlook, demand, clock)
    hearing = Hearing(admin, clock)
    drain = Drain(publisher, admin, hearing, admission.in_use, demand.held, clock)
    recount = Recount(admission, publisher, admin, hearing, clock)
    traffic = Traffic(publisher, admin, demand, clock)
    control = Control(
        discovery,
        publisher,
        holds,
        demand,
        admission.lending.lent,
        drain,
        traffic,
        certificate,
        store,
    )
    servers = [
        discovery_server(Path(files.discovery_socket.name), discovery),
        control_server(Path(files.control_socket.name), methods(control)),
    ]
    asking = [
        await serve_streams(Path(socket.name), begin, lambda: discovery.moment)
        for socket, begin in (
            (files.holds_socket, Checks(holds).begin),
            (files.slots_socket, Processing(admission).begin),
        )
    ]
    asking.append(await serve_watchers(Path(files.watch_socket.name), demand, publisher))
    for server in servers:
        await server.start()
    for path in (
        files.discovery_socket,
        files.control_socket,
        files.holds_socket,
        files.slots_socket,
        files.watch_socket,
    ):
        path.chmod(0o600)
    ready = datagrams.listen(files.ready_address)
    asyncio.get_running_loop().add_reader(ready.fileno(), partial(_hear_of_ready, ready, publisher))
    running = (drain.sweep_forever(), recount.run_forever(), lend_forever(admission.lending))
    tasks = [asyncio.create_task(each) for each in running]
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    for task in tasks:
        task.cancel()
    for listening in asking:
        listening.close()
    for server in servers:
        await server.stop(grace=None)


def _hear_of_ready(told: socket.socket, publisher: Publisher) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            replica_id = told.recv(_LONGEST_REPLICA_ID, socket.MSG_DONTWAIT)
            publisher.replica_is_ready(replica_id.decode(errors="replace"))


if __name__ == "__main__":
    sys.exit(main())
