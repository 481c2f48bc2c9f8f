"""Signing in by commands, as several people, against a real platform."""

import json
import os
import re
import subprocess
import urllib.parse
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.end_to_end.platforms import Platform, fetch, windlass

PASSWORD = "a password of my own"
Type = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    """That of somebody with a home of their own, who knows of no data directory."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WINDLASS_")}
    return {**kept, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}


@pytest.fixture
def type_(environment: Mapping[str, str]) -> Type:
    """Runs a command; `stdin` is what is typed."""

    def run(*words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            windlass(*words),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            env=dict(environment),
            check=False,
        )

    return run


def done(process: "subprocess.CompletedProcess[str]") -> str:
    assert process.returncode == 0, process.stderr
    return process.stdout


def new_email() -> str:
    return f"{uuid.uuid4().hex[:8]}@example.org"


def test_from_a_first_password_to_signing_out(
    platform: Platform, type_: Type, environment: Mapping[str, str]
) -> None:
    email, url = new_email(), platform.administrator["url"]
    created = done(type_("users", "create", email, "--data-dir", str(platform.data_dir)))
    temporary = created.splitlines()[-1]
    typed = f"{temporary}\n{PASSWORD}\n"
    done(type_("login", url, "--user", email, "--stdin", "--context", "work", stdin=typed))

    file = Path(environment["XDG_CONFIG_HOME"]) / "windlass" / "contexts.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in file.read_text()
    known = json.loads(done(type_("whoami", "--json")))
    assert (known["name"], known["context"], known["url"]) == (email, "work", url)
    assert done(type_("ls")).startswith("There is no workload")
    refused = type_("users", "list")
    assert refused.returncode == 1
    assert "permission" in refused.stderr

    done(type_("logout"))
    assert type_("whoami").returncode == 1
    assert json.loads(file.read_text())["contexts"] == {}


def test_a_session_goes_on_by_refreshing_and_ends_when_it_is_ended(
    platform: Platform, type_: Type, environment: Mapping[str, str]
) -> None:
    email, data_dir = new_email(), ("--data-dir", str(platform.data_dir))
    created = done(type_("users", "create", email, "--keep-password", *data_dir))
    password = created.splitlines()[-1]
    url = platform.administrator["url"]
    done(type_("login", url, "--user", email, "--stdin", stdin=f"{password}\n"))

    file = Path(environment["XDG_CONFIG_HOME"]) / "windlass" / "contexts.json"
    for _ in range(2):
        kept = json.loads(file.read_text())
        (context,) = kept["contexts"].values()
        context["expires_at"] = 0
        file.write_text(json.dumps(kept))
        assert json.loads(done(type_("whoami", "--json")))["name"] == email
        (renewed,) = json.loads(file.read_text())["contexts"].values()
        assert renewed["refresh_token"] != context["refresh_token"]

    done(type_("users", "edit", email, "--sign-out", *data_dir))
    ended = type_("whoami")
    assert ended.returncode == 1
    assert "windlass login" in ended.stderr
    done(type_("users", "delete", email, *data_dir))


def test_several_platforms_are_contexts(platform: Platform, type_: Type) -> None:
    known = platform.administrator
    # Its own service account will do for a key: both are a client id and a secret.
    typed = f"{known['client_secret']}\n"
    for name in ("one", "two"):
        words = ("login", known["url"], "--access-key", known["client_id"], "--stdin")
        done(type_(*words, "--context", name, stdin=typed))
    shown = {each["name"]: each for each in json.loads(done(type_("contexts", "list", "--json")))}
    assert set(shown) == {"one", "two"}
    assert shown["two"]["current"]
    done(type_("contexts", "use", "one"))
    assert json.loads(done(type_("whoami", "--json")))["context"] == "one"
    other = done(type_("--context", "two", "whoami", "--json"))
    assert json.loads(other)["context"] == "two"
    here = done(type_("whoami", "--json", "--data-dir", str(platform.data_dir)))
    assert json.loads(here)["context"] is None, "a data directory that is named wins"
    users = json.loads(done(type_("users", "list", "--json", "--search", "admin@windlass.local")))
    assert [user["username"] for user in users] == ["admin@windlass.local"]
    assert type_("contexts", "use", "three").returncode == 1


def test_a_browser_signs_in_a_terminal(
    platform: Platform, environment: Mapping[str, str], type_: Type
) -> None:
    known = platform.administrator
    process = subprocess.Popen(
        windlass("login", known["url"]),
        stdout=subprocess.PIPE,
        text=True,
        env=dict(environment),
    )
    assert process.stdout is not None
    opened = process.stdout.readline()
    code = re.search(r"user_code=([A-Z-]+)", opened)
    assert code is not None, opened
    fields = {
        "user_code": code[1],
        "username": known["username"],
        "password": known["password"],
    }
    sent = fetch(
        f"{known['url']}/device", "POST", urllib.parse.urlencode(fields).encode(), timeout=60
    )
    assert sent.status == 200, sent.body
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"as {known['username']}" in rest
    assert json.loads(done(type_("whoami", "--json")))["roles"]
