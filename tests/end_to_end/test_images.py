"""Images come from a registry: once, told as they come, and each revision keeps its own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.containers import on_podman_alone, shell
from tests.end_to_end.described_answers import DescribedAnswers
from tests.end_to_end.platforms import (
    Platform,
    eventually,
    run_windlass,
    running,
)
from tools.container_engine import EngineMissing, OwnEngine
from tools.docker import Docker
from tools.podman import Podman
from tools.registry import PASSWORD, USER, Registry, RegistryMissing

ON_PODMAN_ALONE = on_podman_alone("shop")


class Shop:
    """A platform, its engine, and two registries: one open to all, one that wants a password."""

    def __init__(self, engine: OwnEngine, public: Registry, closed: Registry) -> None:
        self.engine = engine
        self.public = public
        self.closed = closed
        self.auth_file = engine.folder / "credentials.json"
        self.platform: Platform

    def push(self, registry: Registry, name: str, content: str) -> str:
        """Put an image with that content into a registry, and nowhere else; its name there."""
        remote = f"{registry.host}/{name}:1"
        self.engine.import_shell(remote, content)
        self.engine.push(remote, (USER, PASSWORD) if registry is self.closed else None)
        self.engine.run("rmi", remote)
        return remote

    def image_ids(self) -> set[str]:
        return set(self.engine.run("images", "--quiet", "--no-trunc").split())


@pytest.fixture(scope="module", params=[Podman, Docker], ids=lambda kind: kind.name)
def shop(scratch_root: Path, request: pytest.FixtureRequest) -> Iterator[Shop]:
    kind: type[OwnEngine] = request.param
    try:
        public, closed = Registry(), Registry(secret=True)
        engine = kind([public.host, closed.host])
    except (EngineMissing, RegistryMissing) as missing:
        pytest.skip(f"{kind.name} and a registry: {missing}")
    try:
        public.start()
        closed.start()
        opened = Shop(engine, public, closed)
        opened.auth_file.write_text(json.dumps(closed.auth_file()))
        options = (*engine.options, "--registry-auth", str(opened.auth_file))
        for platform in running(scratch_root / f"images-{engine.name}", *options):
            opened.platform = platform
            yield opened
    finally:
        engine.stop()
        public.remove()
        closed.remove()


def reasons(platform: Platform, created: dict[str, Any]) -> list[str]:
    """The reasons of a workload's events, the oldest first."""
    return [event["reason"] for event in reversed(platform.events(created["workloadId"]))]


def with_reason(platform: Platform, created: dict[str, Any], reason: str) -> str:
    """Wait until a workload gives that reason, and return its message."""

    def probe() -> dict[str, Any] | None:
        shown = platform.workload(created["workloadId"])
        return shown if shown["phaseReason"] == reason else None

    return str(eventually(probe, reason)["phaseMessage"])


def content(image: str, **spec: Any) -> dict[str, Any]:
    """A spec that answers with the image's content."""
    return shell("cat /content", image=image, **spec)


@ON_PODMAN_ALONE
def test_many_replicas_take_one_pull_and_say_so(shop: Shop) -> None:
    image = shop.push(shop.public, "many", "many")
    scaling = {"minReplicas": 3, "maxReplicas": 3}
    created = shop.platform.deploy("many", content(image, autoscaling=scaling))
    assert shop.platform.ask("many").body == b"many"
    told = reasons(shop.platform, created)
    assert told.count("Pulling") >= 1
    assert told.count("Pulled") == 1
    assert told.index("Pulling") < told.index("Pulled") < told.index("Started")
    assert shop.public.asked_for("/v2/many/blobs/") == 2, "its configuration and its one layer"
    shop.platform.delete(created["workloadId"])


@ON_PODMAN_ALONE
def test_a_revision_keeps_its_image_when_the_tag_moves(shop: Shop) -> None:
    image = shop.push(shop.public, "moving", "first")
    spec = content(image, imagePullPolicy="Always")
    first = shop.platform.deploy("first", spec)
    assert shop.push(shop.public, "moving", "second") == image
    [pod] = shop.platform.pods(first["workloadId"])
    shop.engine.run("kill", pod["id"])
    eventually(
        lambda: {each["id"] for each in shop.platform.pods(first["workloadId"])} - {pod["id"]},
        "another start",
    )
    shop.platform.wait_for_phase(first["workloadId"], "Running")
    assert shop.platform.ask("first").body == b"first", "the same image again"
    second = shop.platform.deploy("second", spec)
    assert shop.platform.ask("second").body == b"second"
    for created in (first, second):
        shop.platform.delete(created["workloadId"])


def test_an_image_that_was_removed_is_pulled_again_by_its_digest(shop: Shop) -> None:
    image = shop.push(shop.public, "removed", "original")
    created = shop.platform.deploy("removed", content(image))
    shop.push(shop.public, "removed", "changed")
    [pod] = shop.platform.pods(created["workloadId"])
    image_id = shop.engine.run("inspect", "--format", "{{.Image}}", pod["id"]).strip()
    # Nobody starts another while there is nobody to do so.
    shop.platform.kill()
    shop.engine.remove(pod["id"])
    shop.engine.run("rmi", "--force", image_id)
    shop.platform.up()
    eventually(
        lambda: {each["id"] for each in shop.platform.pods(created["workloadId"])} - {pod["id"]},
        "another start",
    )
    shop.platform.wait_for_phase(created["workloadId"], "Running")
    assert shop.platform.ask("removed").body == b"original"
    shop.platform.delete(created["workloadId"])


def test_failures_are_told_apart_and_tried_again(shop: Shop) -> None:
    platform = shop.platform
    missing = platform.submit("missing", content(f"{shop.public.host}/nobody:1"))
    told = with_reason(platform, missing, "ImageNotFound")
    assert "IfNotPresent" in told, "what would help"
    eventually(lambda: reasons(platform, missing).count("ImageNotFound") > 1, "another attempt")
    silent = platform.submit("silent", content("127.0.0.1:1/nobody:1"))
    with_reason(platform, silent, "RegistryUnreachable")
    for created in (missing, silent):
        platform.delete(created["workloadId"])


def test_credentials_are_read_when_they_are_needed(shop: Shop) -> None:
    image = shop.push(shop.closed, "secret", "secret")
    shop.auth_file.write_text(json.dumps(shop.closed.auth_file("wrong")))
    created = shop.platform.submit("secret", content(image))
    told = with_reason(shop.platform, created, "RegistryUnauthorized")
    assert "--registry-auth" in told
    assert "wrong" not in told.replace("is wrong", ""), "passwords are nobody's business"
    shop.auth_file.write_text(json.dumps(shop.closed.auth_file()))
    shop.platform.wait_for_phase(created["workloadId"], "Running")
    assert shop.platform.ask("secret").body == b"secret"
    shop.platform.delete(created["workloadId"])


def test_container_image_pull_secrets(shop: Shop) -> None:
    image = shop.push(shop.closed, "brought", "brought along")
    shop.auth_file.write_text(json.dumps(shop.closed.auth_file("wrong")))
    place = {"scope": "project", "projectId": int(shop.platform.administrator["project_id"])}
    spec = {"url": f"https://{shop.closed.host}", "user": USER, "password": PASSWORD}
    body = {"meta": {"name": "closed", **place}, "spec": spec}
    path = "/api/v1/asset/credentials/docker-registry"
    made = shop.platform.call("POST", path, body)
    assert made.status == 202, made.body
    own = {"meta": {"name": "own", "private": True, **place}, "spec": spec}
    assert shop.platform.call("POST", path, own).status == 202
    for name, secret in (("closed", {}), ("own", {"userCredential": True})):
        pulled = content(
            image, imagePullPolicy="Always", imagePullSecrets=[{"name": name, **secret}]
        )
        created = shop.platform.deploy(f"by-{name}", pulled)
        assert shop.platform.ask(f"by-{name}").body == b"brought along"
        shop.platform.delete(created["workloadId"])
    refused = shop.platform.submit("without", content(image, imagePullPolicy="Always"))
    with_reason(shop.platform, refused, "RegistryUnauthorized")
    shop.platform.delete(refused["workloadId"])
    shop.auth_file.write_text(json.dumps(shop.closed.auth_file()))


def test_only_what_was_pulled_and_nothing_uses_is_pruned(shop: Shop) -> None:
    directory = ("--data-dir", str(shop.platform.data_dir))
    run_windlass("images", "prune", *directory, "--yes")
    unused = shop.push(shop.public, "unused", "unused")
    used = shop.push(shop.public, "used", "used")
    own = shop.engine.import_shell("localhost/own:1", "built here")
    gone = shop.platform.deploy("unused", content(unused))
    kept = shop.platform.deploy("used", content(used))
    shop.platform.delete(gone["workloadId"])
    answers = DescribedAnswers(shop.platform)
    listed = answers.ask("GET", "/api/v1/platform/images")
    assert listed == json.loads(run_windlass("images", "ls", *directory, "--json").stdout)
    in_use = {tuple(image["names"]): image["inUse"] for image in listed["images"]}
    assert in_use[(used,)]
    assert not in_use[(unused,)]
    assert listed["totalBytes"] == sum(image["sizeBytes"] for image in listed["images"])
    shown = run_windlass("images", "ls", *directory).stdout
    assert "it was not pulled by Windlass" in shown
    pruned = answers.ask("POST", "/api/v1/platform/images/prune")
    assert [image["names"] for image in pruned["removed"]] == [[unused]]
    assert own in shop.image_ids()
    assert shop.platform.ask("used").body == b"used"
    shop.platform.delete(kept["workloadId"])


@ON_PODMAN_ALONE
def test_submit_tells_what_is_pulled_and_why_it_waits(shop: Shop, tmp_path: Path) -> None:
    image = shop.push(shop.public, "told", "told")
    file = tmp_path / "workload.json"
    file.write_text(json.dumps({"name": "told", "spec": content(image)}))
    directory = ("--data-dir", str(shop.platform.data_dir))
    done = run_windlass("submit", *directory, "-f", str(file))
    assert f"pulling {image}" in done.stdout.lower()
    assert "Running" in done.stdout
    file.write_text(json.dumps({"name": "untold", "spec": content("127.0.0.1:1/nobody:1")}))
    waited = run_windlass("submit", *directory, "--timeout", "4", "-f", str(file), check=False)
    assert waited.returncode == 1
    assert "RegistryUnreachable" in waited.stdout
    run_windlass("delete", *directory, "told", "untold")
