"""Which sockets receive connections to a loopback port.

Asked over netlink (sock_diag(7)), which costs microseconds; where that is not to be had, read from
/proc/net/tcp and /proc/net/tcp6 (proc(5)), for which the kernel walks all of its connections.
"""

import contextlib
import socket
import struct

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST_DUMP = 0x301
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_TCP_LISTEN = 10
_INET_DIAG_SKV6ONLY = 11

_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBxI")
_SOCKET_ID = struct.Struct("!HH16s16s12x")
_ANSWER = struct.Struct("=4x48x16xI")
_ATTRIBUTE = struct.Struct("=HH")

_IPV4 = (socket.inet_aton("127.0.0.1"), socket.inet_aton("0.0.0.0"))
_MAPPED = tuple(bytes(10) + b"\xff\xff" + address for address in _IPV4)
_IPV6_WILDCARD = bytes(16)

# The same addresses as /proc/net prints them, on little- and big-endian machines.
_PROC_LISTEN = "0A"
_PROC_ADDRESSES = (
    "0100007F",
    "7F000001",
    "00000000",
    "00000000000000000000000000000000",
    "0000000000000000FFFF00000100007F",
    "0000000000000000FFFF000000000000",
    "00000000000000000000FFFF7F000001",
    "00000000000000000000FFFF00000000",
)


def listening_inodes(port: int) -> set[int]:
    """The inodes of the sockets that receive connections to 127.0.0.1:`port`."""
    try:
        return ask_netlink(port)
    except OSError:
        return read_proc(port)


def ask_netlink(port: int) -> set[int]:
    """The same, over netlink. Raises OSError where the kernel does not offer that."""
    found: set[int] = set()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as netlink:
        netlink.settimeout(1.0)
        for family in (socket.AF_INET, socket.AF_INET6):
            netlink.send(_request(family, port))
            while _take(netlink.recv(65536), family, port, found):
                pass
    return found


def read_proc(port: int) -> set[int]:
    """The same, from /proc/net."""
    suffix = f":{port:04X}"
    found: set[int] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(FileNotFoundError), open(table) as file:
            next(file, None)
            for line in file:
                fields = line.split()
                if fields[3] != _PROC_LISTEN:
                    # Listening sockets come first: established ones may be many thousands.
                    break
                address = fields[1]
                if address.endswith(suffix) and address[: -len(suffix)] in _PROC_ADDRESSES:
                    found.add(int(fields[9]))
    return found


def _request(family: int, port: int) -> bytes:
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 1 << _TCP_LISTEN)
    body += _SOCKET_ID.pack(port, 0, b"", b"")
    header = _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_DUMP, 0, 0)
    return header + body


def _take(data: bytes, family: int, port: int, found: set[int]) -> bool:
    """Add the inodes in a part of the answer; whether there are more parts."""
    while data:
        length, kind, *_ = _HEADER.unpack_from(data)
        message, data = data[_HEADER.size : length], data[(length + 3) & ~3 :]
        if kind == _NLMSG_DONE:
            return False
        if kind == _NLMSG_ERROR:
            raise OSError("the kernel does not answer over netlink")
        source_port, _, address, _ = _SOCKET_ID.unpack_from(message, 4)
        if source_port == port and _receives(message, family, address):
            found.add(_ANSWER.unpack_from(message)[0])
    return True


def _receives(message: bytes, family: int, address: bytes) -> bool:
    """Whether a socket on the address receives connections to 127.0.0.1."""
    if family == socket.AF_INET:
        return address[:4] in _IPV4
    if address == _IPV6_WILDCARD:
        return not _is_ipv6_only(message[_ANSWER.size :])
    return address in _MAPPED


def _is_ipv6_only(attributes: bytes) -> bool:
    while len(attributes) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(attributes)
        if kind == _INET_DIAG_SKV6ONLY:
            return attributes[_ATTRIBUTE.size] != 0
        attributes = attributes[(max(length, _ATTRIBUTE.size) + 3) & ~3 :]
    return False
