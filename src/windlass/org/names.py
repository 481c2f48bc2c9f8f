"""What units may be called, and what they are called elsewhere."""

import re

LONGEST_PROJECT_NAME = 50
"""The host name of a workload is one DNS label of at most 63, `<workload>-runai-<project>`."""
_LONGEST_NAME = 63
_PREFIX = "runai-"


def namespace_of(project_name: str) -> str:
    """The namespace a project maps to."""
    return f"{_PREFIX}{project_name}"


def project_name_problem(name: str) -> str | None:
    """Why no project can be called so; None where one can.

    A name in which `runai-` could be read as the end of a workload's name would let two workloads
    have one host name: `x-runai-a` in project `b`, and `x` in project `a-runai-b`.
    """
    if len(name) > LONGEST_PROJECT_NAME:
        return f"must be at most {LONGEST_PROJECT_NAME} characters long"
    if not _DNS_LABEL.fullmatch(name):
        return _DNS_LABEL_PROBLEM
    if name.startswith(_PREFIX) or f"-{_PREFIX}" in name:
        return (
            "must not start with runai- nor have -runai- in it: host names of workloads in two"
            " projects could be the same"
        )
    return None


def node_pool_name_problem(name: str) -> str | None:
    """Why no node pool can be called so; None where one can."""
    if len(name) > _LONGEST_NAME:
        return f"must be at most {_LONGEST_NAME} characters long"
    return None if _DNS_LABEL.fullmatch(name) else _DNS_LABEL_PROBLEM


def plain_name_problem(name: str) -> str | None:
    """Why no department or cluster can be called so; None where one can."""
    if not 0 < len(name) <= _LONGEST_NAME:
        return f"must be from 1 to {_LONGEST_NAME} characters long"
    if not name.isprintable() or name != name.strip():
        return "must be printable characters, without spaces at either end"
    if "," in name:
        return "must not have a comma in it: lists could not be filtered by it"
    return None


def retired_name(name: str, unit_id: int) -> str:
    """What a deleted unit is called, so that its name is free. No living unit can be called so."""
    return f"{name}, deleted ({unit_id})"


_DNS_LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_DNS_LABEL_PROBLEM = (
    "must be lower-case letters, digits and hyphens, start with a letter and end with a letter or"
    " digit"
)
