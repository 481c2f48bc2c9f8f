"""Filters, order and pages of lists in memory."""

import pytest

from windlass.kit.errors import BadRequest
from windlass.kit.paging import ListQuery, Page
from windlass.kit.record_lists import Attribute, filter_records, page_of_records, sort_records

Record = dict[str, object]
ATTRIBUTES: dict[str, Attribute[Record]] = {
    "name": Attribute(lambda record: record["name"]),
    "size": Attribute(lambda record: record["size"], int),
    "big": Attribute(lambda record: record["size"] == 3, bool),
}
RECORDS: list[Record] = [
    {"name": "Alpha", "size": 2},
    {"name": "beta", "size": None},
    {"name": "gamma", "size": 3},
]


def found(filter_by: str | None = None, search: str | None = None) -> list[object]:
    query = ListQuery(Page(), filter_by, search=search)
    return [record["name"] for record in filter_records(RECORDS, query, ATTRIBUTES, ("name",))]


@pytest.mark.parametrize(
    ("filter_by", "names"),
    [
        (None, ["Alpha", "beta", "gamma"]),
        ("name==beta", ["beta"]),
        ("name!=beta", ["Alpha", "gamma"]),
        ("name=@A,name=$a", ["Alpha", "beta", "gamma"]),
        ("name=^al", ["Alpha"]),
        ("name!@ET", ["Alpha", "gamma"]),
        ("size>=2", ["Alpha", "gamma"]),
        ("size<=2", ["Alpha"]),
        ("size!=2", ["beta", "gamma"]),
        ("big==true", ["gamma"]),
    ],
)
def test_filters(filter_by: str | None, names: list[str]) -> None:
    assert found(filter_by) == names


def test_search_looks_into_what_it_is_for() -> None:
    assert found(search="ALPH") == ["Alpha"]
    assert found(search="3") == []


@pytest.mark.parametrize("filter_by", ["x==1", "size==x", "size=@2", "name", "big==maybe"])
def test_wrong_filters_are_refused(filter_by: str) -> None:
    with pytest.raises(BadRequest, match="filterBy"):
        found(filter_by)


def test_order_and_pages() -> None:
    def ordered(by: str | None, order: str | None) -> list[object]:
        query = ListQuery(Page(), sort_by=by, sort_order=order)
        return [record["size"] for record in sort_records(RECORDS, query, ATTRIBUTES, "name")]

    assert ordered("size", None) == [None, 2, 3]
    assert ordered("size", "desc") == [3, 2, None]
    assert ordered(None, None) == [2, None, 3]
    for by, order in (("x", None), (None, "x")):
        with pytest.raises(BadRequest):
            ordered(by, order)
    query = ListQuery(Page(offset=1, limit=1))
    assert len(page_of_records(RECORDS, query)) == 2, "one more says that there are more"
