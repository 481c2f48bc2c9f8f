"""Names of images are taken apart as registries and engines do."""

import pytest

from windlass.engines.engine import PullPolicy
from windlass.engines.local.containers.references import Reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "registry", "version"),
    [
        ("nginx", "docker.io", "latest"),
        ("team/web:1.4", "docker.io", "1.4"),
        ("registry.example.com/web", "registry.example.com", "latest"),
        ("127.0.0.1:5000/team/web:1", "127.0.0.1:5000", "1"),
        ("localhost/web:1", "localhost", "1"),
        (f"nvcr.io/nim/llama:1@{DIGEST}", "nvcr.io", DIGEST),
    ],
)
def test_a_name_says_where_it_is_pulled_from(text: str, registry: str, version: str) -> None:
    reference = Reference.parse(text)
    assert (reference.registry, reference.version) == (registry, version)


@pytest.mark.parametrize("text", ["", "Web", "web:", "web@sha256:1", "web:a b", "/web", "web//x"])
def test_what_no_registry_takes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="name of an image"):
        Reference.parse(text)


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("web", PullPolicy.ALWAYS),
        ("web:latest", PullPolicy.ALWAYS),
        ("web:1", PullPolicy.IF_NOT_PRESENT),
        (f"web@{DIGEST}", PullPolicy.IF_NOT_PRESENT),
        ("localhost/web", PullPolicy.IF_NOT_PRESENT),
    ],
)
def test_a_tag_that_moves_is_pulled_anew(text: str, policy: PullPolicy) -> None:
    assert Reference.parse(text).policy is policy
