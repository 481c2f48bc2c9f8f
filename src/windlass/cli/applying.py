"""`windlass apply` and `windlass get`: assets to and from files."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from windlass.cli.asset_changes import Change, change_of
from windlass.cli.asset_files import AssetFiles, BadDocument, Wanted
from windlass.cli.configuration import BadOption
from windlass.cli.data_volume_files import BadScope
from windlass.cli.documents import read_documents
from windlass.cli.output import print_json, print_table, warn
from windlass.cli.target import client_of
from windlass.cli.wording import age
from windlass.client import ApiError, Client, ClientError
from windlass.client.assets import ASSET_PATHS


class NoSuchAsset(ClientError):
    """Nothing has that name."""


def run_apply(data_dir: Path, files: Sequence[Path], *, dry_run: bool) -> int:
    """Create or change what the files say, each document whole or not at all.

    Every file is read before anything is sent. 1 when a document was refused. Raises BadFile.
    """
    documents = [document for file in files for document in read_documents(file)]
    good = True
    with client_of(data_dir) as client:
        known = AssetFiles(client)
        for position, document in enumerate(documents, start=1):
            try:
                _apply(client, known, document, dry_run=dry_run)
            except (ApiError, BadDocument, BadScope) as error:
                refused = "would be refused" if dry_run else "was refused"
                warn(f"{_words(document, position)} {refused}: {error}")
                good = False
    return 0 if good else 1


def run_get(
    data_dir: Path, kind: str, names: Sequence[str], *, project: str | None, output: str
) -> int:
    """Print assets of a kind, all or those named. Raises BadOption, NoSuchAsset."""
    if output not in ("table", "yaml", "json"):
        raise BadOption(f"--output {output!r} is none of table, yaml and json")
    with client_of(data_dir) as client:
        found = select(client, kind, names, project)
        known = AssetFiles(client)
        documents = [known.document(asset) for asset in found] if output != "table" else []
    if output == "json":
        print_json(documents)
    elif output == "yaml":
        yaml.safe_dump_all(documents, sys.stdout, sort_keys=False, allow_unicode=True)
    elif not found:
        print(f"There is no {kind} that you may see.")
    else:
        now = time.time()
        print_table(
            ("NAME", "SCOPE", "CHANGED", "BY"), [_row(asset["meta"], now) for asset in found]
        )
    return 0


def run_delete(data_dir: Path, kind: str, names: Sequence[str], *, project: str | None) -> int:
    """Remove the assets named, or nothing when a name does not fit. Raises NoSuchAsset."""
    with client_of(data_dir) as client:
        for asset in select(client, kind, names, project):
            client.delete_asset(kind, asset["meta"]["id"])
            print(f"{kind} {asset['meta']['name']} is gone.")
    return 0


def select(
    client: Client, kind: str, names: Sequence[str], project: str | None
) -> list[dict[str, Any]]:
    """The assets of a kind that can be used in a project, or all; of those names, where any are.

    Raises BadOption, NoSuchAsset, BadDocument.
    """
    if kind not in ASSET_PATHS:
        raise BadOption(f"{kind!r} is no kind of asset; there are {', '.join(ASSET_PATHS)}")
    asked: dict[str, str] = {}
    if project is not None:
        place = AssetFiles(client).place({"project": project})
        asked = {"project_id": place.ids["project"]}
    found = client.assets(kind, **asked)
    if not names:
        return found
    chosen = []
    for name in names:
        fitting = [each for each in found if name in (each["meta"]["name"], each["meta"]["id"])]
        if not fitting:
            raise NoSuchAsset(f"There is no {kind} {name!r}. All: windlass get {kind}")
        if len(fitting) > 1:
            raise NoSuchAsset(f"{name!r} is a {kind} in several scopes; give --project or its id")
        chosen += fitting
    return chosen


def _apply(
    client: Client, known: AssetFiles, document: Mapping[str, Any], *, dry_run: bool
) -> None:
    wanted = known.read(document)
    there = known.find(wanted.kind, wanted.name, wanted.place)
    if there is None and dry_run:
        _rehearse_creation(client, known, wanted)
        return
    if there is None:
        client.create_asset(wanted.kind, wanted.body)
        print(f"{wanted} is created.")
        return
    change = change_of(there, wanted)
    if change.body is None:
        kept = " Its secret is not in the file, and stays." if change.keeps_secret else ""
        print(f"{wanted} is as it should be.{kept}")
    elif dry_run:
        awaited = known.awaited(wanted)
        if awaited is None:
            client.preview_asset_update(wanted.kind, there["meta"]["id"], change.body)
        _tell(wanted, change)
        _tell_unchecked(wanted, awaited)
    else:
        after = client.update_asset(wanted.kind, there["meta"]["id"], change.body)
        same = after["meta"]["updateCount"] == there["meta"]["updateCount"]
        print(f"{wanted} {'is as it should be' if same else 'is changed'}.")


def _rehearse_creation(client: Client, known: AssetFiles, wanted: Wanted) -> None:
    awaited = known.awaited(wanted)
    if awaited is None:
        client.preview_asset(wanted.kind, wanted.body)
    known.pretend(wanted)
    print(f"{wanted} would be created.")
    _tell_unchecked(wanted, awaited)


def _tell_unchecked(wanted: Wanted, awaited: str | None) -> None:
    """Say what the platform could not be asked about."""
    if awaited is not None:
        print(f"  not checked by the platform: it refers to {awaited}, which is not there yet")
    elif (wanted.body["spec"] or {}).get("sharedScopes"):
        print("  spec.sharedScopes: not checked by the platform")


def _tell(wanted: Wanted, change: Change) -> None:
    print(f"{wanted} would be {'changed' if change.lines else 'written anew'}.")
    for line in change.lines:
        print(f"  {line}")
    if change.secret is not None:
        print(f"  {change.secret}: cannot be compared, because it is never shown")


def _words(document: Mapping[str, Any], position: int) -> str:
    meta = document.get("meta")
    name = meta.get("name") if isinstance(meta, Mapping) else None
    return f"{document.get('kind')} {name}" if name else f"document {position}"


def _row(meta: Mapping[str, Any], now: float) -> tuple[str, ...]:
    where = meta["projectName"] if meta["scope"] == "project" else meta["scope"]
    return meta["name"], where or meta["scope"], age(meta["updatedAt"], now), meta["updatedBy"]
