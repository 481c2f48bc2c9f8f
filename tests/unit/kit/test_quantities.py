"""Quantities, against the notation that Kubernetes documents."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.kit.quantities import (
    LARGEST,
    InvalidQuantity,
    format_quantity,
    parse_bytes,
    parse_positive_quantity,
    parse_quantity,
    round_up,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("128974848", "128974848"),
        ("129e6", "129000000"),
        ("129M", "129000000"),
        ("123Mi", "128974848"),
        ("1k", "1000"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("1E", "1000000000000000000"),
        ("1E3", "1000"),
        ("1e-3", "0.001"),
        ("1e18", "1000000000000000000"),
        ("1e-18", "0.000000000000000001"),
        ("100m", "0.1"),
        ("7u", "0.000007"),
        ("3n", "0.000000003"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+2", "2"),
        ("-2Ki", "-2048"),
        ("0.1", "0.1"),
        ("9223372036854775807", "9223372036854775807"),
    ],
)
def test_reads_every_notation_exactly(text: str, value: str) -> None:
    assert parse_quantity(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "1 Gi",
        "1GB",
        "1GiB",
        "1K",
        "1gi",
        "1mi",
        "Gi",
        "1.2.3",
        "--1",
        "1e",
        "0x10",
        "1_000",
        "١",
        "inf",
        "NaN",
        "1Gi\n",
        "1e999999999",
        "9" * 100,
    ],
)
def test_refuses_what_is_no_quantity(text: str) -> None:
    with pytest.raises(InvalidQuantity):
        parse_quantity(text)


@pytest.mark.parametrize("text", ["9223372036854775808", "8Ei", "1e19", "10E"])
def test_refuses_what_no_64_bit_integer_holds(text: str) -> None:
    with pytest.raises(InvalidQuantity):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("text", "cure"), [("5GB", "leave out the B"), ("5K", "Ki"), ("5gi", "upper-case")]
)
def test_says_what_would_be_right_for_common_slips(text: str, cure: str) -> None:
    with pytest.raises(InvalidQuantity, match=cure):
        parse_quantity(text)


@pytest.mark.parametrize("text", ["0", "-1", "0Gi", "-0.5", "0e5"])
def test_refuses_nothing_and_less_where_something_is_asked(text: str) -> None:
    with pytest.raises(InvalidQuantity, match="above zero"):
        parse_positive_quantity(text)


def test_rounds_bytes_up_to_whole_ones() -> None:
    assert parse_bytes("0.3Gi") == 322122548
    assert parse_bytes("1.5") == 2


def test_refuses_thousandths_of_a_byte_meant_as_megabytes() -> None:
    with pytest.raises(InvalidQuantity, match="thousandths"):
        parse_bytes("512m")


@pytest.mark.parametrize(
    ("value", "text"),
    [("0", "0"), ("1000", "1000"), ("1536", "1536"), ("2048", "2Ki"), ("0.10", "0.10")],
)
def test_writes_the_largest_binary_suffix_that_loses_nothing(value: str, text: str) -> None:
    assert format_quantity(Decimal(value)) == text


@settings(deadline=None)
@given(st.integers(min_value=-LARGEST, max_value=LARGEST))
def test_whole_numbers_survive_writing_and_reading(value: int) -> None:
    assert parse_quantity(format_quantity(Decimal(value))) == value


@settings(deadline=None)
@given(st.decimals(min_value=-(10**9), max_value=10**9, places=9))
def test_fractions_survive_writing_and_reading(value: Decimal) -> None:
    assert parse_quantity(format_quantity(value)) == value


@settings(deadline=None)
@given(st.text(alphabet="0123456789.+-eEinumkKMGTP \nB", max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        value = parse_quantity(text)
    except InvalidQuantity:
        return
    assert abs(value) <= LARGEST
    assert value <= round_up(value) < value + 1
