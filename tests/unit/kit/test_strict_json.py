"""What is refused although some parsers let it pass, and how the caller is told."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.kit.errors import BadRequest
from windlass.kit.strict_json import MOST_ENTRIES, read_json_object


def refusal(raw: bytes, content_type: str | None = "application/json") -> str:
    with pytest.raises(BadRequest) as refused:
        read_json_object(raw, content_type)
    return refused.value.message


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/merge-patch+json",
    ],
)
def test_takes_json_by_any_of_its_names(content_type: str | None) -> None:
    assert read_json_object(b'{"a": [1, 2.5, "\xc3\xa9", null]}', content_type) == {
        "a": [1, 2.5, "é", None]
    }


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "text/plain", "text/json+html", "x"]
)
def test_refuses_other_content_types_naming_the_right_one(content_type: str) -> None:
    assert "application/json" in refusal(b"{}", content_type)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b'{"a": }', "line 1, column 7"),
        (b'{\n "a": 1,\n}', "line 3, column 1"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 1} x', "not JSON"),
        (b"[]", "not a list"),
        (b'"a"', "not a string"),
        (b"null", "not null"),
        (b"true", "not a boolean"),
        (b"12", "not a number"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'\xff\xfe{\x00"\x00', "UTF-8"),
        (b'{"a": 1, "b": {"d": 1, "c": 1, "c": 2}}', "'c' twice"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "finite"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "5000 digits"),
        (b'{"a": "x\\u0000y"}', "a: contains the character NUL"),
        (b'{"a": {"b": ["\\ud800"]}}', "a.b[0]: contains half of a surrogate pair"),
        (b'{"a": {"\\u0000": 1}}', "a: has a key"),
        (b'{"a": ' + b"[" * 65 + b"]" * 65 + b"}", "64 levels"),
        (b'{"a": ' * 150_000, "64 levels"),
    ],
)
def test_refuses_what_would_mean_something_else_to_us(raw: bytes, words: str) -> None:
    assert words in refusal(raw)


def test_takes_what_is_nested_deeply_but_not_too_deeply() -> None:
    assert "a" in read_json_object(b'{"a": ' + b"[" * 64 + b"]" * 64 + b"}")


def test_takes_a_surrogate_pair_that_makes_one_character() -> None:
    assert read_json_object(b'{"a": "\\ud83d\\ude00"}') == {"a": "😀"}


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(BadRequest):
        assert isinstance(read_json_object(raw), dict)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=8,
        ),
        max_size=5,
    )
)
def test_reads_what_the_standard_library_writes(body: dict[str, object]) -> None:
    assert read_json_object(json.dumps(body).encode()) == body


def test_a_list_longer_than_any_sound_one_is_refused_where_it_is() -> None:
    body = {"a": {"b": [{}] * (MOST_ENTRIES + 1), "c": [0] * MOST_ENTRIES}}
    with pytest.raises(
        BadRequest, match=rf"a\.b: must have at most {MOST_ENTRIES} entries"
    ) as told:
        read_json_object(json.dumps(body).encode())
    assert told.value.details is None
