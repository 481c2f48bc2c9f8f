"""How to reach a platform on this machine, as `windlass up` writes it for its owner."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from windlass.client.errors import NoPlatform

DEFAULT_DATA_DIR = Path("~/.local/share/windlass")
"""Where a platform's data directory is when none is named."""

_FILE_NAME = "admin.json"
_WITH_TLS = ("local_url", "certificate_authority")


@dataclass(frozen=True, slots=True)
class Administrator:
    """The first administrator's credentials, and the platform's addresses and first project."""

    data_dir: Path
    url: str
    gateway_url: str
    pid: int
    client_id: str
    client_secret: str
    cluster_id: str
    department_id: str
    project_id: str
    project_name: str
    domain: str
    local_url: str | None = None
    """By which programs of this machine reach it; None is by `url`."""
    certificate_authority: str | None = None
    """A file with the platform's certificate; None where it speaks plain HTTP."""

    @classmethod
    def read(cls, data_dir: Path) -> "Administrator":
        """Read `admin.json` of a data directory. Raises NoPlatform."""
        data_dir = data_dir.expanduser()
        entries = _read_entries(data_dir)
        names = [field.name for field in fields(cls) if field.name != "data_dir"]
        missing = [name for name in names if name not in (*entries, *_WITH_TLS)]
        if missing:
            raise NoPlatform(
                f"{data_dir / _FILE_NAME} lacks {', '.join(missing)}: no platform of this version "
                f"has been ready there. Start one with: windlass up --data-dir {data_dir}"
            )
        return cls(data_dir=data_dir, **{name: entries[name] for name in names if name in entries})

    def runs(self) -> bool:
        """Whether the process that last served this platform exists."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def _read_entries(data_dir: Path) -> Mapping[str, Any]:
    path = data_dir / _FILE_NAME
    try:
        entries = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise NoPlatform(
            f"There is no platform in {data_dir}: it has no {_FILE_NAME}. Start one with: "
            f"windlass up --data-dir {data_dir}; or name another directory with --data-dir or "
            f"WINDLASS_DATA_DIR."
        ) from None
    except PermissionError:
        raise NoPlatform(
            f"{path} may be read by its owner only. Run this as the user who started the platform."
        ) from None
    except (ValueError, OSError) as error:
        raise NoPlatform(f"{path} cannot be read: {error}.") from None
    if not isinstance(entries, dict):
        raise NoPlatform(f"{path} does not hold a JSON object.")
    return entries
