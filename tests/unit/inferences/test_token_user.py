"""Users and groups that are those of whoever submits."""

from typing import Any

import pytest

from windlass.identity.tokens import Caller
from windlass.kit.errors import BadRequest
from windlass.workloads.inferences.schemas import InferenceSpec
from windlass.workloads.inferences.token_user import with_token_user

ALICE = Caller("a", "alice@example.org", "user", 1001, (), 4242, 4300, (7, 8))
LOCAL = Caller("b", "bob@example.org", "user", 1001)


def security_of(given: dict[str, Any], caller: Caller) -> Any:
    spec = InferenceSpec.model_validate({"image": "a", "security": given})
    return with_token_user(spec, caller).submitted()["security"]


def test_the_token_says_who_runs() -> None:
    given = {"uidGidSource": "fromIdpToken"}
    told = {"runAsUid": 4242, "runAsGid": 4300, "supplementalGroups": "7,8"}
    assert security_of(given, ALICE) == {**given, **told}


def test_what_is_given_weighs_more_than_the_token() -> None:
    given = {"uidGidSource": "fromIdpToken", "runAsUid": 0, "supplementalGroups": ""}
    assert security_of(given, ALICE) == {**given, "runAsGid": 4300}
    assert security_of({**given, "runAsGid": 1}, LOCAL) == {**given, "runAsGid": 1}


@pytest.mark.parametrize("source", ["custom", "fromTheImage"])
def test_no_other_source_takes_it_from_the_token(source: str) -> None:
    assert security_of({"uidGidSource": source}, ALICE) == {"uidGidSource": source}


def test_a_token_without_a_user_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"spec\.security\.uidGidSource: .* tells no uid"):
        security_of({"uidGidSource": "fromIdpToken"}, LOCAL)
