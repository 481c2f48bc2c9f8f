"""Credentials for registries, in the form of Docker's config.json."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from windlass.engines.engine import RegistryCredential
from windlass.engines.local.containers.references import DOCKER_HUB

_HUB_NAMES = ("https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io")


class CredentialsInvalid(ValueError):
    """The file cannot be used; the message says why."""


def check_credentials(file: Path) -> None:
    """Raises CredentialsInvalid."""
    for registry in _entries(file):
        credentials_for(file, registry)


def credentials_for(file: Path | None, registry: str) -> Mapping[str, str] | None:
    """What the Docker API takes as authorisation, or None where the file has none for it.

    The file is read at each pull, so that it can be renewed. Raises CredentialsInvalid.
    """
    if file is None:
        return None
    for name, entry in _entries(file).items():
        if _host(name) == _host(registry):
            return _credentials(file, name, entry)
    return None


def given_credentials(
    given: Sequence[RegistryCredential], registry: str
) -> Mapping[str, str] | None:
    """The same of those that a workload brings with it."""
    for credential in given:
        if _host(credential.url) == _host(registry):
            return {
                "username": credential.user,
                "password": credential.password,
                "serveraddress": credential.url,
            }
    return None


def _entries(file: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        entries = content["auths"]
        if isinstance(entries, dict) and all(isinstance(entry, dict) for entry in entries.values()):
            return entries
    except OSError as error:
        raise CredentialsInvalid(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError):
        """Told below, without what is in the file."""
    raise CredentialsInvalid(
        f'{file} is not in the form of Docker\'s config.json: {{"auths": {{"HOST": {{"auth": '
        '"BASE64 of USER:PASSWORD"}}}}'
    )


def _credentials(file: Path, name: str, entry: Mapping[str, Any]) -> Mapping[str, str]:
    token = entry.get("identitytoken")
    if token:
        return {"identitytoken": str(token), "serveraddress": name}
    if "auth" in entry:
        try:
            decoded = base64.b64decode(str(entry["auth"]), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            decoded = ""
        user, colon, password = decoded.partition(":")
        if not colon:
            raise CredentialsInvalid(f"{file}: `auth` of {name} is not BASE64 of USER:PASSWORD")
    else:
        user, password = str(entry.get("username", "")), str(entry.get("password", ""))
    return {"username": user, "password": password.rstrip("\0"), "serveraddress": name}


def _host(name: str) -> str:
    if name in _HUB_NAMES:
        return DOCKER_HUB
    return name.removeprefix("https://").removeprefix("http://").partition("/")[0]
