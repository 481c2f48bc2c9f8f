"""Which ports to use: those asked for, or free ones that are kept for the next start."""

import socket
from collections.abc import Collection

from windlass.app.data_directory import DataDirectory, read_json, write_json
from windlass.settings import Address


class AddressTaken(Exception):
    """Something else listens there."""


def settle_address(data: DataDirectory, name: str, wanted: Address) -> Address:
    """The address to use for `name`: port 0 becomes the port of the last start, or a free one."""
    if wanted.port != 0:
        return wanted
    kept = read_json(data.addresses)
    known = kept.get(name)
    if isinstance(known, dict) and known.get("host") == wanted.host:
        return Address(wanted.host, int(known["port"]))
    others = {each.get("port") for each in kept.values() if isinstance(each, dict)}
    port = _free_port(wanted.host, others)
    write_json(data.addresses, {**kept, name: {"host": wanted.host, "port": port}})
    return Address(wanted.host, port)


def bind(address: Address, option: str) -> socket.socket:
    """A socket bound there. Raises AddressTaken that names the option to change."""
    try:
        return _bound(address)
    except OSError as error:
        raise AddressTaken(
            f"Cannot listen on {address}: {error.strerror or error}. "
            f"Stop what uses it, or choose another address with {option} HOST:PORT."
        ) from None


def _free_port(host: str, kept: Collection[object]) -> int:
    """One that is not kept for another name, whose socket is not there yet."""
    while True:
        with _bound(Address(host, 0)) as probe:
            port = int(probe.getsockname()[1])
        if port not in kept:
            return port


def _bound(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address.host, address.port))
    except OSError:
        bound.close()
        raise
    return bound
