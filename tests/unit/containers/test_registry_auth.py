"""Credentials are found by registry, and never shown."""

import base64
import json
from pathlib import Path

import pytest

from windlass.engines.local.containers.registry_auth import CredentialsInvalid, credentials_for


def write(folder: Path, auths: object) -> Path:
    file = folder / "config.json"
    file.write_text(json.dumps({"auths": auths}))
    return file


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("name", "registry"),
    [
        ("registry.example.com", "registry.example.com"),
        ("https://registry.example.com/v1/", "registry.example.com"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("127.0.0.1:5000", "127.0.0.1:5000"),
    ],
)
def test_credentials_are_those_of_the_registry(tmp_path: Path, name: str, registry: str) -> None:
    file = write(tmp_path, {name: {"auth": encoded("somebody:a:b")}})
    found = credentials_for(file, registry)
    assert found is not None
    assert (found["username"], found["password"]) == ("somebody", "a:b")
    assert credentials_for(file, "other.example.com") is None


def test_an_identity_token_stands_for_a_password(tmp_path: Path) -> None:
    file = write(tmp_path, {"r.example.com": {"auth": encoded("x:y"), "identitytoken": "token"}})
    assert (credentials_for(file, "r.example.com") or {})["identitytoken"] == "token"


@pytest.mark.parametrize("auths", [None, [], {"r.example.com": {"auth": "secret!"}}])
def test_a_wrong_file_is_told_without_what_is_in_it(tmp_path: Path, auths: object) -> None:
    with pytest.raises(CredentialsInvalid) as error:
        credentials_for(write(tmp_path, auths), "r.example.com")
    assert "secret!" not in str(error.value)
