"""A registry of images of the tests' own: Docker's, from a package, on a free loopback port."""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

_PROGRAM = "docker-registry"
_START_SECONDS = 30.0
USER, PASSWORD = "somebody", "right"
# Of PASSWORD: the registry takes nothing but bcrypt, which not every machine can make.
_BCRYPT = "$2b$05$abcdefghijklmnopqrstuu8xaCxxL82bnl.UY74PMksDxIJShppPC"


class RegistryMissing(Exception):
    """The program is not installed here."""


class Registry:
    """A running registry; with `secret`, one that wants USER and PASSWORD."""

    def __init__(self, *, secret: bool = False) -> None:
        """Raises RegistryMissing."""
        if shutil.which(_PROGRAM) is None:
            raise RegistryMissing("docker-registry is not installed; tools/setup_tests.sh does it")
        self._folder = Path(tempfile.mkdtemp(prefix="windlass-registry-"))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.host = f"127.0.0.1:{free.getsockname()[1]}"
        self._secret = secret
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        config = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(self._folder / "images")}},
            "http": {"addr": self.host},
        }
        if self._secret:
            (self._folder / "htpasswd").write_text(f"{USER}:{_BCRYPT}\n")
            config["auth"] = {
                "htpasswd": {"realm": "tests", "path": str(self._folder / "htpasswd")}
            }
        file = self._folder / "config.json"
        file.write_text(json.dumps(config))
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_PROGRAM, "serve", str(file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if time.monotonic() >= deadline or self._process.poll() is not None:
                raise TimeoutError((self._folder / "log").read_text())
            time.sleep(0.02)

    def stop(self) -> None:
        """End it; what was pushed stays for another start."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait()

    def remove(self) -> None:
        """End it for good."""
        self.stop()
        shutil.rmtree(self._folder)

    def auth_file(self, password: str = PASSWORD) -> dict[str, object]:
        """Credentials for it in the form of Docker's config.json."""
        encoded = base64.b64encode(f"{USER}:{password}".encode()).decode()
        return {"auths": {self.host: {"auth": encoded}}}

    def asked_for(self, part: str) -> int:
        """How many requests were made for paths that have this in them."""
        lines = (self._folder / "log").read_text(errors="replace").splitlines()
        return sum('"GET /v2/' in line and part in line for line in lines)

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://{self.host}/v2/", timeout=5):
                return True
        except HTTPError:
            return True
        except OSError:
            return False
