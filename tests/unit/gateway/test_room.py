"""Held requests together take no more than there is."""

import pytest

from windlass.gateway.gate.room import BODY_BYTES, REQUEST_BYTES, Room, held_bytes


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, 0),
        ({"content-length": "1000"}, 1000),
        ({"content-length": "5000000000"}, BODY_BYTES),
        ({"transfer-encoding": "chunked"}, BODY_BYTES),
        ({"content-length": "garbage"}, 0),
    ],
)
def test_a_body_counts_as_far_as_it_is_taken_in(headers: dict[str, str], body: int) -> None:
    assert held_bytes(headers) == REQUEST_BYTES + body


def test_there_is_room_until_number_or_size_is_used_up() -> None:
    room = Room(most_bytes=1000, most_requests=2)
    with room.taken(300):
        assert room.has(700)
        assert not room.has(701)
        with room.taken(1):
            assert not room.has(1)
        assert room.has(1)
    assert room.requests == 0
    assert room.has(1000)


def test_this_machine_has_room_for_some() -> None:
    room = Room.of_this_machine()
    assert all(room.has(REQUEST_BYTES * count) for count in (1, 50))
    assert not room.has(2 * 1024**3 + 1)
