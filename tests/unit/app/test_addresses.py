"""Free ports that are chosen are kept, each for one name."""

import socket
from pathlib import Path

import pytest

from windlass.app import addresses
from windlass.app.addresses import settle_address
from windlass.app.data_directory import DataDirectory
from windlass.settings import Address

ANY = Address("127.0.0.1", 0)


def test_a_port_is_kept_for_the_next_start(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    chosen = settle_address(data, "api", ANY)
    assert chosen.port != 0
    assert settle_address(data, "api", ANY).port == chosen.port
    assert settle_address(data, "gateway", ANY).port != chosen.port


def test_no_two_names_have_one_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = DataDirectory(tmp_path)
    first = settle_address(data, "api", ANY)
    bind = addresses._bound
    offered: list[int] = []

    def bound(address: Address) -> socket.socket:
        """The kernel offers the same again, until it offers another."""
        again = bind(Address(address.host, first.port if not offered else 0))
        offered.append(int(again.getsockname()[1]))
        return again

    monkeypatch.setattr(addresses, "_bound", bound)
    second = settle_address(data, "gateway", ANY)
    assert offered[0] == first.port
    assert second.port == offered[-1] != first.port
