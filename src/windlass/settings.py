"""The one place that reads the environment. Every option of `windlass up` is here."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_DATA_DIRECTORY = Path("~/.local/share/windlass")


class Address:
    """A host and a TCP port; port 0 is any free one."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port

    @classmethod
    def parse(cls, text: object) -> "Address":
        """Read `HOST:PORT`; an IPv6 host stands in brackets. Raises ValueError."""
        if isinstance(text, cls):
            return text
        host, _, port = str(text).rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:8080")
        if host != "localhost":
            try:
                ipaddress.ip_address(host)
            except ValueError:
                raise ValueError(f"{host!r} is not an IP address of this machine") from None
        return cls("127.0.0.1" if host == "localhost" else host, int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_external_url(text: object) -> str:
    """Read the beginning of a URL, without a path. Raises ValueError."""
    written = str(text).strip()
    problem = f"{written!r} is not where users reach it, such as https://windlass.example.org"
    try:
        parts = urlsplit(written)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(problem) from None
    if parts.scheme not in ("http", "https") or not host or not _HOST.fullmatch(host):
        raise ValueError(problem)
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(f"{problem}: it has a scheme, a host and perhaps a port, and nothing else")
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")


_HOST = re.compile(r"[a-z0-9._:-]+")
_PATHS = ("data_dir", "host_images", "join", "registry_auth", "tls_certificate", "tls_key")
AddressText = Annotated[Address, BeforeValidator(Address.parse)]
ExternalUrl = Annotated[str, BeforeValidator(parse_external_url)]


class Settings(BaseSettings):
    """How a platform is started."""

    model_config = SettingsConfigDict(env_prefix="WINDLASS_", arbitrary_types_allowed=True)

    data_dir: Path = DEFAULT_DATA_DIRECTORY
    listen: AddressText = Address("127.0.0.1", 8080)
    gateway: AddressText = Address("127.0.0.1", 8081)
    gateway_internal: AddressText = Address("127.0.0.1", 0)
    tls: Literal["self-signed"] | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    allow_plain_http: bool = False
    external_url: ExternalUrl | None = None
    gateway_external_url: ExternalUrl | None = None
    domain: str = "windlass.localhost"
    database: str | None = None
    host_images: Path | None = None
    simulate_gpus: str | None = None
    node_labels: list[str] = []
    node_taints: list[str] = []
    simulate_nodes: list[str] = []
    join: Path | None = None
    worker_threads: int = 8
    container_engine: str = "auto"
    container_runtime: str | None = None
    container_network: str | None = None
    container_ulimits: list[str] = []
    container_pids_limit: int | None = None
    registry_auth: Path | None = None
    docker_host: Annotated[str, Field(validation_alias="DOCKER_HOST")] = ""
    xdg_runtime_dir: Annotated[str, Field(validation_alias="XDG_RUNTIME_DIR")] = ""
    audit_retention_days: float = Field(default=90.0, gt=0)
    asset_retention_days: float = Field(default=90.0, gt=0)
    autoscaler_stable_window_seconds: Annotated[int, Field(ge=6, le=3600)] = 60
    autoscaler_panic_window_percentage: Annotated[float, Field(ge=1, le=100)] = 10.0
    scale_to_zero_grace_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    metric_period_seconds: Annotated[float, Field(ge=1, le=3600)] = 15.0
    downscale_stabilization_seconds: Annotated[float, Field(ge=0, le=3600)] = 300.0

    @model_validator(mode="after")
    def _resolve(self) -> Self:
        for name in _PATHS:
            path = getattr(self, name)
            if path is not None:
                setattr(self, name, path.expanduser().absolute())
        if self.join is not None:
            self.data_dir = self.join
        self.domain = self.domain.lower().rstrip(".")
        return self
