"""Lists of workloads: pages, filters, sorting, search."""

import itertools
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.serving import SPEC, WORKLOADS, Api

COUNT = 23
FIELDS = (
    "type",
    "name",
    "clusterId",
    "projectId",
    "projectName",
    "departmentId",
    "departmentName",
    "createdAt",
    "deletedAt",
    "submittedBy",
    "phase",
    "phaseUpdatedAt",
    "category",
    "priority",
    "priorityClassName",
)
PUBLISHED_FIELDS_WITHOUT_MEASURE = (
    "completedAt",
    "distributedFramework",
    "allocatedGPU",
    "idleGpus",
    "idleAllocatedGpus",
    "totalPendingTimeSeconds",
    "totalRunningTimeSeconds",
    "guaranteedRuntimeEndsAt",
    "aiApplicationId",
    "aiApplicationName",
)
PRIORITIES = {"low": 40, "medium": 80, "high": 125}


@pytest.fixture(scope="module")
def listed(api: Api) -> "Listed":
    """Workloads that differ in every field they may differ in, three of which share a time."""
    mark = f"l{uuid.uuid4().hex[:6]}"
    made = []
    for number in range(COUNT):
        spec = {
            **SPEC,
            "category": ("Build", "Train", "Deploy")[number % 3],
            "priorityClass": tuple(PRIORITIES)[number % 3],
        }
        workload_id = api.create(f"{mark}-{number:02}", spec)["workloadId"]
        created_at = 1_700_000_000.0 + number // 3
        api.change_record(workload_id, created_at=created_at, phase_updated_at=created_at)
        made.append(workload_id)
    return Listed(api, mark, made)


class Listed:
    """The workloads of one fixture, apart from all others."""

    def __init__(self, api: Api, mark: str, ids: list[str]) -> None:
        self.api = api
        self.mark = mark
        self.ids = ids

    def find(self, filter_by: str = "", **params: Any) -> list[dict[str, Any]]:
        """Those of ours that a filter finds."""
        parts = [f"name=^{self.mark}-", *([filter_by] if filter_by else [])]
        params = {"limit": 500, "filterBy": ",".join(parts), **params}
        found: list[dict[str, Any]] = self.api.get(WORKLOADS, **params)["workloads"]
        return found

    def numbers(self, filter_by: str) -> list[int]:
        """The numbers in the names of those found."""
        return sorted(int(found["name"][-2:]) for found in self.find(filter_by))

    def pages(self, limit: int, **params: Any) -> Iterator[list[str]]:
        """Page after page, as `next` leads."""
        offset: int | None = 0
        while offset is not None:
            page = self.api.get(
                WORKLOADS, limit=limit, offset=offset, filterBy=f"name=^{self.mark}-", **params
            )
            yield [found["id"] for found in page["workloads"]]
            offset = page.get("next")


@pytest.mark.parametrize("limit", [1, 2, 7, 22, 23, 24, 500])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_never_overlap_and_miss_nothing(listed: Listed, limit: int, order: str) -> None:
    pages = list(listed.pages(limit, sortOrder=order))
    assert all(len(page) == limit for page in pages[:-1])
    assert 0 < len(pages[-1]) <= limit
    assert sorted(itertools.chain(*pages)) == sorted(listed.ids)


@pytest.mark.parametrize("field", FIELDS)
def test_pages_sorted_by_a_field_with_equal_values_miss_nothing(listed: Listed, field: str) -> None:
    pages = list(listed.pages(4, sortBy=field))
    assert sorted(itertools.chain(*pages)) == sorted(listed.ids)


def test_a_page_past_the_end_is_empty(listed: Listed) -> None:
    page = listed.api.get(WORKLOADS, offset=2**31 - 1)
    assert page == {"workloads": []}


def test_a_page_has_fifty_unless_asked(listed: Listed) -> None:
    for number in range(30):
        listed.api.create(f"{listed.mark}x{number:02}")
    page = listed.api.get(WORKLOADS, filterBy=f"name=^{listed.mark}")
    assert len(page["workloads"]) == 50
    assert page["next"] == 50


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_sorts_by_every_field(listed: Listed, field: str, order: str) -> None:
    values = [found[field] for found in listed.find(sortBy=field, sortOrder=order)]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=order == "desc")


def test_oldest_first_unless_asked(listed: Listed) -> None:
    values = [found["createdAt"] for found in listed.find()]
    assert values == sorted(values)


@pytest.mark.parametrize(
    ("filter_by", "expected"),
    [
        ("name=={mark}-07", [7]),
        ("name!={mark}-07", [n for n in range(COUNT) if n != 7]),
        ("name<={mark}-03", [0, 1, 2, 3]),
        ("name>={mark}-20", [20, 21, 22]),
        ("name=@-1", [*range(10, 20)]),
        ("name!@-1", [*range(10), 20, 21, 22]),
        ("name=^{mark}-2", [20, 21, 22]),
        ("name=$2", [2, 12, 22]),
        ("priority==40", [*range(0, COUNT, 3)]),
        ("priority!=40", [n for n in range(COUNT) if n % 3]),
        ("priority>=80,priority<=80", [*range(1, COUNT, 3)]),
        ("priorityClassName==high", [*range(2, COUNT, 3)]),
        ("category==Train", [*range(1, COUNT, 3)]),
        ("category=@RAI", [*range(1, COUNT, 3)]),
        ("phase==Creating", [*range(COUNT)]),
        ("phase!=Creating", []),
        ("type==Inference", [*range(COUNT)]),
        ("submittedBy==administrator", [*range(COUNT)]),
        ("projectName==default,departmentName==default", [*range(COUNT)]),
        ("projectId==4500002", [*range(COUNT)]),
        ("departmentId!=4500001", []),
        ("createdAt<=2023-11-14T22:13:21Z", [*range(6)]),
        ("createdAt<=2023-11-14T22:13:21", [*range(6)]),
        ("createdAt<=2023-11-15T00:13:21+02:00", [*range(6)]),
        ("createdAt==2023-11-14T22:13:20.000Z", [0, 1, 2]),
        ("phaseUpdatedAt>=2023-11-14T22:13:27Z", [21, 22]),
        ("deletedAt>=2000-01-01T00:00:00Z", []),
        ("name==%", []),
        ("name=@_", []),
        ("name=@%", []),
        ("name=='; DROP TABLE workload; --", []),
        ("name==💥", []),
    ],
)
def test_every_operator_finds_what_it_says(
    listed: Listed, filter_by: str, expected: list[int]
) -> None:
    assert listed.numbers(filter_by.replace("{mark}", f"{listed.mark}")) == expected


def test_the_cluster_can_be_filtered_by(listed: Listed) -> None:
    cluster = listed.api.context.tree.cluster_id
    assert len(listed.find(f"clusterId=={cluster}")) >= COUNT
    assert listed.find(f"clusterId!={cluster}") == []


def test_filters_come_back_as_the_vendors_client_sends_them(listed: Listed) -> None:
    name = f"{listed.mark}-07"
    answer = listed.api.ask("GET", f"{WORKLOADS}?filterBy=name%3D%3D{name}%2Cpriority%3D%3D80&")
    assert [found["name"] for found in answer.json()["workloads"]] == [name]


def test_searches_names_in_either_case(listed: Listed) -> None:
    found = listed.api.get(WORKLOADS, search=f"{listed.mark.upper()}-0")["workloads"]
    assert len(found) == 10
    assert listed.api.get(WORKLOADS, search=f"{listed.mark}%")["workloads"] == []


def test_counts_what_a_list_would_show(listed: Listed) -> None:
    params = {"filterBy": f"name=^{listed.mark}-,category==Train"}
    assert listed.api.get(f"{WORKLOADS}/count", **params) == {"count": 8}
    assert listed.api.get(f"{WORKLOADS}/count", search=f"{listed.mark}-") == {"count": COUNT}


@pytest.mark.parametrize("place", [WORKLOADS, f"{WORKLOADS}/count"])
@pytest.mark.parametrize("field", PUBLISHED_FIELDS_WITHOUT_MEASURE)
def test_what_is_not_measured_is_refused_and_not_ignored(api: Api, place: str, field: str) -> None:
    assert field in api.refused(place, filterBy=f"{field}==1")


@pytest.mark.parametrize(
    "filter_by",
    [
        "x",
        "name",
        "name=x",
        "name==",
        "==x",
        "unknown==x",
        "name~x",
        "name==x,,bad",
        "name==x,unknown==y",
        "createdAt==yesterday",
        "createdAt=@2023",
        "createdAt>=2023-13-01T00:00:00Z",
        "createdAt>=99999-01-01T00:00:00Z",
        "priority==high",
        "priority=^1",
        "priority==" + "9" * 30,
        "priority==1e3",
        "priority==9223372036854775808",
        "name==a\x00b",
        "\x00",
    ],
)
def test_a_wrong_filter_is_refused(api: Api, filter_by: str) -> None:
    for place in (WORKLOADS, f"{WORKLOADS}/count"):
        assert "filterBy" in api.refused(place, filterBy=filter_by)


def test_large_numbers_that_fit_are_compared(listed: Listed) -> None:
    for number in (2**31, 2**63 - 1, -(2**63) + 1):
        assert listed.find(f"priority=={number}") == []


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        *itertools.product(["limit"], ["0", "-1", "501", "x", "", "1.5", "1e2", "٣", "\x00"]),
        *itertools.product(["offset"], ["-1", "x", "", "2147483648", "9" * 50, "0x1", "\x00"]),
        *itertools.product(["sortBy"], ["", "x", "id", "name;", "spec", "\x00", "NAME"]),
        *itertools.product(["sortOrder"], ["", "up", "ASC", "asc,desc", "\x00"]),
        *itertools.product(["deleted"], ["", "1", "yes", "True", "\x00"]),
        ("search", "a\x00b"),
    ],
)
def test_a_wrong_parameter_is_refused_and_named(api: Api, parameter: str, value: str) -> None:
    assert parameter in api.refused(WORKLOADS, **{parameter: value})


@pytest.mark.parametrize("search", ["💥", "\x7f", "'\"", "\\", "a" * 5000, "%", "_"])
def test_a_search_for_odd_text_finds_nothing(api: Api, search: str) -> None:
    assert api.get(WORKLOADS, search=search)["workloads"] == []


def test_a_parameter_that_is_no_text_is_refused(api: Api) -> None:
    for raw in ("%FF", "%C3%28", "%ED%A0%80"):
        answer = api.ask("GET", f"{WORKLOADS}?search={raw}")
        assert answer.status_code in (200, 400)


def test_events_are_newest_first_and_in_pages(api: Api) -> None:
    workload_id = api.create("with-events")["workloadId"]
    api.delete(workload_id)
    path = f"{WORKLOADS}/{workload_id}/events"
    everything = api.get(path)["events"]
    assert [event["reason"] for event in everything] == ["Deleting", "Created"]
    assert api.get(path, sortOrder="asc")["events"] == everything[::-1]
    first = api.get(path, limit=1)
    assert first == {"events": everything[:1], "next": 1}
    assert api.get(path, limit=1, offset=1) == {"events": everything[1:]}
    assert "sortOrder" in api.refused(path, sortOrder="x")
