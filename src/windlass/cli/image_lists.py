"""Images of this machine as tables, and their removal."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from windlass.cli.output import print_json, print_table
from windlass.cli.target import client_of
from windlass.cli.wording import age, byte_size, count_of
from windlass.client.types import MachineImage

_HEADINGS = ("IMAGE", "ID", "SIZE", "CREATED", "KEPT BECAUSE")
_SHORT_ID = 12


def run_list(data_dir: Path, as_json: bool) -> int:
    """Print the images. Always 0."""
    with client_of(data_dir) as client:
        found = client.images()
    if as_json:
        print_json(found)
        return 0
    _print(found["images"])
    print(f"{count_of(len(found['images']), 'image')}, {byte_size(found['totalBytes'])}")
    return 0


def run_prune(data_dir: Path, *, as_json: bool, ask: bool) -> int:
    """Remove what nothing uses, after asking on a terminal. 1 when that was not wanted."""
    with client_of(data_dir) as client:
        if ask and sys.stdin.isatty() and not as_json:
            going = [image for image in client.images()["images"] if _is_removable(image)]
            if not going:
                print("Nothing to remove.")
                return 0
            _print(going)
            if input("Remove these? [y/N] ").strip().lower() not in ("y", "yes"):
                return 1
        pruned = client.prune_images()
    if as_json:
        print_json(pruned)
        return 0
    for image in pruned["removed"]:
        print(f"removed {_name(image)}")
    count = count_of(len(pruned["removed"]), "image")
    print(f"{count} removed, {byte_size(pruned['freedBytes'])}")
    return 0


def _print(images: Sequence[MachineImage]) -> None:
    print_table(
        _HEADINGS,
        [
            (
                _name(image),
                image["id"].removeprefix("sha256:")[:_SHORT_ID],
                byte_size(image["sizeBytes"]),
                age(image["createdAt"], time.time()),
                _kept_because(image),
            )
            for image in images
        ],
    )


def _name(image: MachineImage) -> str:
    return ", ".join(image["names"]) or image["id"]


def _is_removable(image: MachineImage) -> bool:
    return image["pulledByPlatform"] and not image["inUse"]


def _kept_because(image: MachineImage) -> str:
    if image["inUse"]:
        return "it is in use"
    return "" if image["pulledByPlatform"] else "it was not pulled by Windlass"
