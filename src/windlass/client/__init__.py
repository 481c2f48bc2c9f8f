"""A typed, synchronous client of the HTTP API, for programs as well as for our own commands.

from windlass.client import Client

with Client.from_data_dir() as client:
    for workload in client.workloads():
        print(workload["name"], workload["phase"])
"""

from windlass.client.administrator import DEFAULT_DATA_DIR, Administrator
from windlass.client.client import Client
from windlass.client.connection import Credentials
from windlass.client.contexts import Context, ContextFile, NoContext, SignedOut
from windlass.client.errors import (
    ApiError,
    BadAnswer,
    ClientError,
    Conflict,
    NoPlatform,
    NotFound,
    Unreachable,
)
from windlass.client.trust import Trust

__all__ = [
    "DEFAULT_DATA_DIR",
    "Administrator",
    "ApiError",
    "BadAnswer",
    "Client",
    "ClientError",
    "Conflict",
    "Context",
    "ContextFile",
    "Credentials",
    "NoContext",
    "NoPlatform",
    "NotFound",
    "SignedOut",
    "Trust",
    "Unreachable",
]
