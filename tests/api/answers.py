"""What holds for every answer of the API, whatever was asked."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx

from tests.api.description import Description
from tests.contract.published_api import (
    DOCUMENTS,
    answer_problems,
    published_operations,
)
from windlass.kit.ids import is_uuid

_READ = re.compile(r"(audit_)?logs\[\d+\]\.action: 'read' is not one of")
_DEVICE_WAITS = re.compile("error: '(authorization_pending|expired_token|slow_down)' is not one of")
_REASON = re.compile(r"(\w+\[\d+\]\.)*(pendingSchedulingMessages\[\d+\]\.)?phaseReason: ")


def refusal(answer: httpx.Response, status: int = 400) -> str:
    """What a request was refused with, whose status is this one."""
    assert answer.status_code == status, answer.text
    return str(answer.json()["message"])


def check_answer(
    method: str, path: str, answer: httpx.Response, description: Description | None = None
) -> None:
    """Fail unless the answer is one that may be given to this request: as it is published, and as
    the served description says."""
    told = f"{method} {path} answered {answer.status_code}: {answer.text[:500]}"
    assert is_uuid(answer.headers["x-request-id"]), told
    assert answer.status_code < 500 or answer.status_code == 503, told
    media_type = answer.headers.get("content-type")
    if answer.status_code >= 400 and not (media_type or "").startswith("text/html"):
        check = check_oauth_error if _is_oauth(path, answer.status_code) else check_error
        check(answer, told)
    problems: list[str] = []
    if description is not None:
        problems += description.problems(
            method, path, answer.status_code, media_type, answer.content
        )
    if media_type == "application/json":
        problems += published_problems(method, path, answer.status_code, answer.json())
    assert not problems, f"{told}\n" + "\n".join(problems)


def check_error(answer: httpx.Response, told: str = "") -> None:
    """Fail unless the body is `{code, message, details?}`, with the status as its code."""
    body = answer.json()
    assert set(body) <= {"code", "message", "details"}, told
    assert body["code"] == answer.status_code, told
    assert isinstance(body["message"], str), told
    assert body["message"], told
    assert isinstance(body.get("details", ""), str), told
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer"), told
    if answer.status_code == 503:
        assert int(answer.headers["retry-after"]) > 0, told


def check_oauth_error(answer: httpx.Response, told: str = "") -> None:
    """Fail unless the body is the error of RFC 6749."""
    body = answer.json()
    assert set(body) == {"error", "error_description"}, told
    assert body["error_description"], told
    assert answer.headers["cache-control"] == "no-store", told
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"].startswith("Basic"), told


def published_problems(method: str, path: str, status: int, body: Any) -> Iterator[str]:
    """What keeps a body from being what is published; none where nothing is."""
    if "dryRun=true" in path and status == 200:
        return  # Ours.
    place = path.partition("?")[0]
    for document, operation in _candidates(method, place.count("/")):
        if _fits(operation.partition(" ")[2], place):
            found = answer_problems(document, operation, status, body)
            yield from (problem for problem in found if not _is_ours(problem, path))


@cache
def _candidates(method: str, depth: int) -> list[tuple[str, str]]:
    """The documents and operations of a method at paths with so many parts."""
    return [
        (document, operation)
        for document in DOCUMENTS
        for operation in published_operations(document)
        if operation.startswith(f"{method} ") and operation.count("/") == depth
    ]


def _is_oauth(path: str, status: int) -> bool:
    return path.startswith("/api/v2/token") and status in (400, 401, 429)


def _fits(template: str, path: str) -> bool:
    # A path without parameters stands for itself: /workloads/count is no workload.
    wanted, given = template.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        one == other or (one.startswith("{") and other not in ("count", "inferences", "live"))
        for one, other in zip(wanted, given, strict=True)
    )


def _is_ours(problem: str, path: str) -> bool:
    """Whether it is a word that our contract adds to the published ones: reasons of phases, errors
    of RFC 8628, and reads in the audit log for those who ask for them."""
    if "includeReads=true" in path and _READ.match(problem):
        return True
    return any(known.match(problem) for known in (_REASON, _DEVICE_WAITS))
