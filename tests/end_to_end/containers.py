"""Workloads with ordinary images, for tests of containers."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.end_to_end.platforms import Platform
from tools.container_images import PYTHON_IMAGE, SHELL_IMAGE
from tools.podman import Podman


def on_podman_alone(fixture: str) -> pytest.MarkDecorator:
    """For what engines do not differ in: the fixture's engine is Podman, and not Docker as well."""
    return pytest.mark.parametrize(fixture, [Podman], indirect=True, ids=[Podman.name])


def container_canary(args: str | None = None, **spec: Any) -> dict[str, Any]:
    """A spec that runs the canary in a container."""
    made: dict[str, Any] = {"image": PYTHON_IMAGE, "servingPort": {"container": 8000}, **spec}
    return made if args is None else {**made, "args": args}


def shell(script: str, **spec: Any) -> dict[str, Any]:
    """A spec whose replica answers with what the script prints; /dev/shm is always writable."""
    # Process 1 gets no signal that it has no handler for.
    serve = "trap 'exit 0' TERM; httpd -f -p $PORT -h /dev/shm & wait"
    serve = f"({script}) > /dev/shm/index.html 2>&1; {serve}"
    return {
        "image": SHELL_IMAGE,
        "servingPort": {"container": 8000},
        "command": "sh -c",
        "args": shlex.quote(serve),
        **spec,
    }


@contextmanager
def deployed(
    platform: Platform, name: str, spec: dict[str, Any], **fields: Any
) -> Iterator[dict[str, Any]]:
    """A workload that is Running, deleted afterwards."""
    created = platform.submit(name, spec, **fields)
    try:
        platform.wait_for_phase(created["workloadId"], "Running")
        yield created
    finally:
        platform.delete(created["workloadId"])


def printed(platform: Platform, name: str, script: str, **spec: Any) -> list[str]:
    """What a script prints in a container with that spec, in lines."""
    with deployed(platform, name, shell(script, **spec)):
        answer = platform.ask(name)
        assert answer.status == 200, answer.body
        return answer.body.decode().splitlines()
