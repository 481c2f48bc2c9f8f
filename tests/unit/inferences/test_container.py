"""Image, command line and probe."""

import shlex
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.inferences.bodies import body, problems, rule_errors, spec
from windlass.engines.engine import HttpGet, Probe
from windlass.spec.container import UnreadableCommand, probe_of, split_words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("python -m http.server", ("python", "-m", "http.server")),
        ("a 'b c' \"d e\" f\\ g", ("a", "b c", "d e", "f g")),
        ("a '' \"\"", ("a", "", "")),
        ("a#b # c", ("a#b", "#", "c")),
        ("a;b && c | d > e", ("a;b", "&&", "c", "|", "d", ">", "e")),
        ("$HOME `id` $(id) $(PORT) *", ("$HOME", "`id`", "$(id)", "$(PORT)", "*")),
        ("--set 'a b'=\"c'd\"", ("--set", "a b=c'd")),
        ("a\n\tb", ("a", "b")),
    ],
)
def test_splits_words_as_a_shell_would_and_expands_nothing(
    line: str, words: tuple[str, ...]
) -> None:
    assert split_words(line) == words


@settings(deadline=None)
@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\0"), max_size=8), max_size=6))
def test_quoted_words_come_back_whole(words: list[str]) -> None:
    assert split_words(shlex.join(words)) == tuple(words)


@pytest.mark.parametrize("line", ["a 'b", 'a "b', "a \\"])
def test_refuses_what_is_not_closed(line: str) -> None:
    with pytest.raises(UnreadableCommand):
        split_words(line)
    assert "quote" in rule_errors(command=line)["command"]
    assert "quote" in rule_errors(args=line)["args"]


@pytest.mark.parametrize(
    ("field", "line"), [("command", "  "), ("command", "'' a"), ("args", " \n")]
)
def test_refuses_lines_without_words(field: str, line: str) -> None:
    assert "no words" in rule_errors(**{field: line})[field]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (None, "is required"),
        ("a b", "spaces"),
        ("a\tb", "control"),
        ("a\n", "control"),
        ("a" * 5000, "4096"),
    ],
)
def test_refuses_images_that_none_can_be(image: str | None, words: str) -> None:
    assert words in rule_errors(image=image)["image"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("initialDelaySeconds", -1),
        ("periodSeconds", 0),
        ("timeoutSeconds", 0),
        ("successThreshold", 0),
        ("failureThreshold", 2**31),
        ("handler.httpGet.path", "health"),
        ("handler.httpGet.path", "/a b"),
        ("handler.httpGet.path", "/a\n"),
        ("handler.httpGet.path", "/a?b=c"),
        ("handler.httpGet.port", 0),
        ("handler.httpGet.scheme", "http"),
    ],
)
def test_refuses_wrong_probe_values(field: str, value: object) -> None:
    probe: Any = value
    for name in reversed(field.split(".")):
        probe = {name: probe}
    assert f"spec.probes.readiness.{field}" in problems(body(probes={"readiness": probe}))


def host_problem(host: str) -> str:
    readiness = {"handler": {"httpGet": {"host": host}}}
    return problems(body(probes={"readiness": readiness}))[
        "spec.probes.readiness.handler.httpGet.host"
    ]


@pytest.mark.parametrize("host", ["a_b", "-a.org", "a" * 64, "a." * 126 + "ab", "a..b", "::1", ""])
def test_refuses_what_is_no_host_name(host: str) -> None:
    assert "is not a host name" in host_problem(host)


@pytest.mark.parametrize("host", ["a", "A.example.org", "10.0.0.1", "a." * 126 + "a"])
def test_knows_host_names(host: str) -> None:
    assert "is not a host name" not in host_problem(host)


def test_gives_the_engine_every_part_of_a_probe() -> None:
    readiness = {
        "initialDelaySeconds": 1,
        "periodSeconds": 2,
        "timeoutSeconds": 3,
        "successThreshold": 4,
        "failureThreshold": 5,
        "handler": {"httpGet": {"path": "/up", "port": 9000, "scheme": "HTTPS"}},
    }
    assert probe_of(spec(probes={"readiness": readiness}).probes, 8000) == Probe(
        HttpGet("/up", 9000, "HTTPS"), 1, 2, 3, 4, 5
    )


def test_a_probe_has_the_defaults_of_kubernetes() -> None:
    readiness: dict[str, Any] = {"handler": {"httpGet": {"path": ""}}}
    assert probe_of(spec(probes={"readiness": readiness}).probes, 8000) == Probe(
        HttpGet("/", None, "HTTP"), 0, 10, 1, 1, 3
    )


def test_a_probe_of_the_serving_port_follows_the_replica_to_its_own() -> None:
    readiness = {"handler": {"httpGet": {"port": 8000}}}
    probe = probe_of(spec(probes={"readiness": readiness}).probes, 8000)
    assert probe is not None
    assert probe.http_get == HttpGet("/", None)


@pytest.mark.parametrize("probes", [None, {}, {"readiness": None}])
def test_without_a_probe_there_is_none(probes: dict[str, Any] | None) -> None:
    assert probe_of(spec(probes=probes).probes, 8000) is None


def test_a_process_cannot_be_probed_on_another_port_or_host() -> None:
    http_get = {"port": 9000, "host": "example.org"}
    found = problems(body(probes={"readiness": {"handler": {"httpGet": http_get}}}))
    assert "8000" in found["spec.probes.readiness.handler.httpGet.port"]
    assert "leave it out" in found["spec.probes.readiness.handler.httpGet.host"]
