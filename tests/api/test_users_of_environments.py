"""Whether a workload may have another user than its environment says, over HTTP."""

from typing import Any

import pytest

from tests.api.answers import refusal
from tests.api.assets import ENVIRONMENT, TEMPLATE, make, some_name
from tests.api.serving import Api
from tests.api.test_environments import SERVED
from tests.api.test_templates import of

OPEN = {"uidGidSource": "custom", "overrideUidGidInWorkspace": True}
FROM_IMAGE = "takes user and groups from its image (uidGidSource)"
NO_CHOICE = "leaves no choice of user and groups (overrideUidGidInWorkspace)"
NEEDS_CONTAINER = "needs a container"
"""What is wrong with users of processes, which comes after what environments leave open."""


def environment(api: Api, **spec: Any) -> str:
    made = make(api, ENVIRONMENT, {"image": "host/canary", "connections": [SERVED], **spec})
    return str(made["meta"]["id"])


@pytest.mark.parametrize(
    ("runs", "security", "reason"),
    [
        ({}, {"runAsUid": 1}, FROM_IMAGE),
        ({"uidGidSource": "fromTheImage"}, {"supplementalGroups": "7"}, FROM_IMAGE),
        ({"overrideUidGidInWorkspace": True}, {"runAsGid": 1}, FROM_IMAGE),
        ({"uidGidSource": "custom"}, {"runAsUid": 1}, NO_CHOICE),
        ({"runAsUid": 5}, {"runAsUid": 6}, NO_CHOICE),
        ({"uidGidSource": "fromIdpToken"}, {"runAsUid": 6}, NO_CHOICE),
        (
            {"uidGidSource": "custom", "supplementalGroups": "7"},
            {"supplementalGroups": ""},
            NO_CHOICE,
        ),
        (OPEN, {"runAsUid": 6, "runAsGid": 6, "supplementalGroups": "7"}, NEEDS_CONTAINER),
        ({"uidGidSource": "custom", "runAsUid": 5}, {"runAsUid": 5}, NEEDS_CONTAINER),
        ({"runAsUid": 5}, {"runAsUid": None}, NEEDS_CONTAINER),
    ],
)
def test_an_environment_says_whether_workloads_choose_their_user(
    api: Api, runs: Any, security: Any, reason: str
) -> None:
    asset = environment(api, **runs)
    named = {"assets": {"environment": asset}}
    told = refusal(api.post(api.creation(some_name("w"), {"security": security}, **named)))
    field = next(iter(security))
    assert reason in told
    if reason is not NEEDS_CONTAINER:
        assert told.startswith(f"spec.security.{field}: must be left out: the environment {reason}")
        said = {name: value for name, value in security.items() if value is not None}
        made = make(api, TEMPLATE, {**of(asset), "specificEnv": said})["meta"]
        body = api.creation(some_name("w"), {}, templateId=made["id"])
        told = refusal(api.post(body))
        assert told.startswith(f"templateId: the template {made['name']!r}: security.{field}: must")


def test_the_source_is_the_environments(api: Api) -> None:
    named = {"assets": {"environment": environment(api, **OPEN)}}
    body = api.creation(some_name("w"), {"security": {"uidGidSource": "fromTheImage"}}, **named)
    told = refusal(api.post(body))
    assert told == "spec.security.uidGidSource: must be left out: it is custom in the environment"
