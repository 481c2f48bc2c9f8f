"""`windlass users list|create|edit|delete`."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from windlass.cli.configuration import BadOption
from windlass.cli.output import print_json, print_table
from windlass.cli.target import client_of
from windlass.cli.wording import age
from windlass.client import Client, ClientError
from windlass.client.types import User


@dataclass(frozen=True, slots=True)
class Edit:
    """What to change, as typed."""

    enabled: bool | None
    reset_password: bool
    sign_out: bool


def run_list(data_dir: Path, search: str | None, as_json: bool) -> int:
    """Print users."""
    with client_of(data_dir) as client:
        found = list(client.users(search=search))
    if as_json:
        print_json(found)
        return 0
    now = time.time()
    rows = [
        (
            user["username"],
            "yes" if user["enabled"] else "no",
            "here" if user["isLocal"] else "identity provider",
            f"{age(user['lastLogin'], now)} ago" if user["lastLogin"] else "never",
            ", ".join(user["groups"]),
        )
        for user in found
    ]
    print_table(("USER", "ENABLED", "PASSWORD", "LAST SIGN-IN", "GROUPS"), rows)
    return 0


def run_create(data_dir: Path, email: str, keep_password: bool, as_json: bool) -> int:
    """Create a user and print the password."""
    with client_of(data_dir) as client:
        created = client.create_user(email, temporary=not keep_password)
    if as_json:
        print_json(created)
        return 0
    print(f"{created['username']} is a user now. The password, shown this once:")
    print(created["tempPassword"])
    return 0


def run_edit(data_dir: Path, email: str, edit: Edit) -> int:
    """Change a user. Raises BadOption where nothing is to be changed."""
    if edit.enabled is None and not edit.reset_password and not edit.sign_out:
        raise BadOption("say what: --enable, --disable, --reset-password or --sign-out")
    with client_of(data_dir) as client:
        user = _find(client, email)
        if edit.enabled is not None:
            client.enable_user(user["id"], enabled=edit.enabled)
            print(f"{email} may {'' if edit.enabled else 'not '}sign in{_again(edit.enabled)}.")
        if edit.sign_out:
            client.sign_out_user(user["id"])
            print(f"{email} is signed out everywhere.")
        if edit.reset_password:
            password = client.reset_password(user["id"])
            print(f"The temporary password of {email}, shown this once:")
            print(password)
    return 0


def run_delete(data_dir: Path, emails: Sequence[str]) -> int:
    """Delete users."""
    with client_of(data_dir) as client:
        for user in [_find(client, email) for email in emails]:
            client.delete_user(user["id"])
            print(f"{user['username']} is deleted.")
    return 0


def _again(enabled: bool) -> str:
    return "" if enabled else " any more"


def _find(client: Client, email: str) -> User:
    for user in client.users(filter_by=[f"username=={email.lower()}"]):
        return user
    raise ClientError(f"There is no user {email!r}. List them with: windlass users list")
