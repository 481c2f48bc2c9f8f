"""How gate and Envoy are to be started."""

import json
import stat
from pathlib import Path

from windlass.gateway.gateway import Address
from windlass.gateway.processes import envoy_command, gate_command

INTERNAL = Address("127.0.0.1", 8082)


def test_sockets_are_named_within_the_directory_however_deep_it_is(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    command = envoy_command(deep, Address("127.0.0.1", 8081), INTERNAL, concurrency=3)
    assert command.directory == gate_command(deep).directory == deep
    bootstrap = json.loads((deep / "envoy.json").read_text())
    assert bootstrap["admin"]["address"]["pipe"] == {"path": "admin.sock", "mode": 0o600}
    assert command.argv[command.argv.index("--concurrency") + 1] == "3"
    assert stat.S_IMODE(deep.stat().st_mode) == 0o700


def test_envoy_listens_where_it_is_told(tmp_path: Path) -> None:
    envoy_command(tmp_path, Address("127.0.0.9", 12345), INTERNAL)
    bootstrap = json.loads((tmp_path / "envoy.json").read_text())
    listeners = bootstrap["static_resources"]["listeners"]
    assert [each["address"]["socket_address"] for each in listeners] == [
        {"address": "127.0.0.9", "port_value": 12345},
        {"address": "127.0.0.1", "port_value": 8082},
    ]
