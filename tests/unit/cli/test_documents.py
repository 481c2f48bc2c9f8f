"""Files that people write, as request bodies."""

from pathlib import Path

import pytest

from windlass.cli.documents import BadFile, parse_documents, read_documents


def test_yaml_documents_are_read_in_order() -> None:
    assert parse_documents("name: a\n---\nname: b\n---\n") == [{"name": "a"}, {"name": "b"}]


@pytest.mark.parametrize("text", ['{"name": "a"}', '[{"name": "a"}]', "- name: a"])
def test_json_and_lists_are_read(text: str) -> None:
    assert parse_documents(text) == [{"name": "a"}]


def test_json_may_be_indented_with_tabs() -> None:
    assert parse_documents('{\n\t"name":\t"a"}') == [{"name": "a"}]


def test_a_date_stays_text() -> None:
    assert parse_documents("name: 2026-01-31") == [{"name": "2026-01-31"}]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no document"),
        ("just words", "document 1 is not an object"),
        ("a: 1\na: 2\n", "'a' is there twice at line 2"),
        ("a: [1", "not YAML.*line 1"),
        ('{"a": 1,,}', "not JSON"),
        ("a: .inf", "JSON cannot say"),
        ("a: !!binary aGk=", "JSON cannot say"),
        ("a: !!python/object:os.system {}", "not YAML"),
        ("a: \x00", "not YAML"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(BadFile, match=complaint):
        parse_documents(text)


def test_the_file_is_named_in_the_complaint(tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    with pytest.raises(BadFile, match=r"none\.yaml cannot be read: No such file"):
        read_documents(missing)
    broken = tmp_path / "broken.yaml"
    broken.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadFile, match=r"broken\.yaml is not UTF-8"):
        read_documents(broken)
