"""An image that this machine has not is refused at once, with what there is and what to do."""

from typing import Any

import pytest

from tests.api.serving import SPEC, WORKLOADS, Api


@pytest.mark.parametrize(
    "image", ["nginx", "nvcr.io/nim/llama:1.0", "canary", "HOST/canary", "host/", "host/nothing"]
)
def test_other_images_are_refused_and_nothing_is_stored(api: Api, image: str) -> None:
    before = api.get(f"{WORKLOADS}/count")
    refused = api.post(api.creation("no-image", {**SPEC, "image": image}))
    assert refused.status_code == 400
    message = refused.json()["message"]
    assert message.startswith("spec.image: ")
    assert "host/canary" in message, "what there is"
    assert "--host-images" in message, "the cure"
    assert api.get(f"{WORKLOADS}/count") == before


def test_without_a_container_engine_the_reason_says_so(api: Api) -> None:
    refused = api.post(api.creation("no-image", {**SPEC, "image": "nginx"}))
    assert "container engine" in refused.json()["message"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"command": "sh -c true"}, "spec.command"),
        ({"workingDir": "/tmp"}, "spec.workingDir"),
        ({"environmentVariables": [{"name": "PATH", "value": "/x"}]}, "environmentVariables[0]"),
        ({"environmentVariables": [{"name": "HOME", "value": "/x"}]}, "environmentVariables[0]"),
        ({"environmentVariables": [{"name": "LD_PRELOAD", "value": "x"}]}, "environmentVariables"),
        ({"environmentVariables": [{"name": "PYTHONPATH", "value": "x"}]}, "environmentVariables"),
        ({"environmentVariables": [{"name": "PORT", "value": "1"}]}, "environmentVariables[0]"),
    ],
)
def test_a_fixed_entry_keeps_what_it_fixes(api: Api, change: dict[str, Any], path: str) -> None:
    refused = api.post(api.creation("not-open", {**SPEC, **change}))
    assert refused.status_code == 400
    assert path in refused.json()["message"]


@pytest.mark.parametrize(
    ("http_get", "path"),
    [({"port": 8001}, "httpGet.port"), ({"host": "127.0.0.1"}, "httpGet.host")],
)
def test_a_probe_goes_to_the_serving_port(api: Api, http_get: dict[str, Any], path: str) -> None:
    probes = {"readiness": {"handler": {"httpGet": {"path": "/ready", **http_get}}}}
    refused = api.post(api.creation("probed", {**SPEC, "probes": probes}))
    assert refused.status_code == 400
    assert path in refused.json()["message"]
    port = SPEC["servingPort"]["container"]
    sound = {"readiness": {"handler": {"httpGet": {"path": "/ready", "port": port}}}}
    assert api.create("probed-well", {**SPEC, "probes": sound}, useGivenNameAsPrefix=True)
