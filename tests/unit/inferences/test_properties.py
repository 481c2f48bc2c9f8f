"""Whatever sound things a body asks of a process, it is taken and reaches the engine as asked."""

import shlex
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.published_api import INFERENCES, NEIGHBOURS, schema_problems
from tests.unit.inferences.bodies import body, problems, read
from windlass.kit.quantities import format_quantity
from windlass.workloads.inferences.desired import DesiredInference, desired_of, desired_of_stored

TEXT = st.text(
    alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
)
WORDS = st.lists(TEXT, min_size=1, max_size=4)
NAMES = st.from_regex(r"[A-Z_]{1,6}", fullmatch=True).filter(lambda name: name != "PORT")
BYTES = st.integers(1, 2**50)
MILLICORES = st.integers(1, 10**6)
COUNT = st.integers(1, 2**31 - 1)


@st.composite
def computes(draw: st.DrawFn) -> dict[str, Any]:
    cores, memory = draw(MILLICORES), draw(BYTES)
    gpu: dict[str, Any] = draw(
        st.sampled_from(
            [
                {},
                {"gpuDevicesRequest": 3},
                {"gpuRequestType": "portion", "gpuPortionRequest": 0.3, "gpuPortionLimit": 0.3},
                {"gpuDevicesRequest": 2, "gpuRequestType": "memory", "gpuMemoryRequest": "3Gi"},
            ]
        )
    )
    return {
        "cpuCoreRequest": cores / 1000,
        "cpuCoreLimit": (cores + draw(st.integers(0, 1000))) / 1000,
        "cpuMemoryRequest": format_quantity(Decimal(memory)),
        "cpuMemoryLimit": str(memory + draw(st.integers(0, 1000))),
        **gpu,
    }


def probes() -> st.SearchStrategy[dict[str, Any]]:
    http_get = st.fixed_dictionaries(
        {},
        optional={
            "path": st.from_regex(r"/[a-z/._-]{0,9}", fullmatch=True),
            "port": st.just(8000),
            "scheme": st.sampled_from(["HTTP", "HTTPS"]),
        },
    )
    readiness = st.fixed_dictionaries(
        {},
        optional={
            "initialDelaySeconds": st.integers(0, 2**31 - 1),
            "periodSeconds": COUNT,
            "timeoutSeconds": COUNT,
            "successThreshold": COUNT,
            "failureThreshold": COUNT,
            "handler": st.fixed_dictionaries({"httpGet": http_get}),
        },
    )
    return st.fixed_dictionaries({"readiness": readiness})


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    replicas = draw(st.integers(1, 9))
    variables = draw(st.dictionaries(NAMES, TEXT, max_size=3))
    everything = {
        "args": draw(WORDS.map(shlex.join)),
        "command": draw(WORDS.map(lambda words: shlex.join(["run", *words]))),
        "environmentVariables": [
            None,
            *({"name": name, "value": value} for name, value in variables.items()),
        ],
        "compute": draw(computes()),
        "probes": draw(probes()),
        "autoscaling": {"minReplicas": replicas, "maxReplicas": replicas},
        "priorityClass": draw(st.sampled_from(["low", "very-high"])),
        "preemptibility": draw(st.sampled_from(["preemptible", None])),
        "servingConfiguration": {"requestTimeoutSeconds": draw(COUNT)},
        "labels": [{"name": "a", "value": draw(st.from_regex(r"[a-z]{0,63}", fullmatch=True))}],
    }
    chosen = draw(st.sets(st.sampled_from(sorted(everything))))
    return {name: everything[name] for name in chosen}


@settings(deadline=None)
@given(specs())
def test_is_taken_and_kept_as_published(fields: dict[str, Any]) -> None:
    assert problems(body(**fields)) == {}
    submitted = read(body(**fields)).submitted()
    for document in (INFERENCES, NEIGHBOURS):
        assert not list(schema_problems(document, "InferenceCreationRequest", submitted))
    assert desired_of_stored(submitted["spec"]) == desired(fields)


@settings(deadline=None)
@given(WORDS, st.lists(st.tuples(NAMES, TEXT), unique_by=lambda pair: pair[0], max_size=4))
def test_words_and_variables_reach_the_engine_unchanged(
    words: list[str], variables: list[tuple[str, str]]
) -> None:
    template = desired(
        {
            "args": shlex.join(words),
            "environmentVariables": [{"name": name, "value": text} for name, text in variables],
        }
    ).template
    assert template.args == tuple(words)
    assert [(item.name, item.value) for item in template.environment] == variables


@settings(deadline=None)
@given(MILLICORES, BYTES)
def test_amounts_reach_engine_and_scheduler_exactly(millicores: int, size: int) -> None:
    compute = {
        "cpuCoreRequest": millicores / 1000,
        "cpuMemoryLimit": format_quantity(Decimal(size)),
    }
    asked = desired({"compute": compute})
    assert asked.request.cpu_millicores == millicores
    assert asked.request.memory_bytes == size
    assert asked.template.limits.memory_bytes_limit == size


def desired(fields: dict[str, Any]) -> DesiredInference:
    spec = read(body(**fields)).spec
    assert spec is not None
    return desired_of(spec)
