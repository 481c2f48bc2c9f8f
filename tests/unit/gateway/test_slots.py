"""Who may go to which replica, where each takes only so many at once."""

import random

from windlass.gateway.gate.slots import Slots, Ticket

ONE, TWO, THREE = "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"


def _slots(limit: int, *addresses: str) -> Slots:
    slots = Slots()
    slots.limit = limit
    slots.offer(addresses)
    return slots


def _queue(slots: Slots, count: int) -> list[Ticket]:
    tickets = [Ticket(float(number), number) for number in range(count)]
    for ticket in tickets:
        slots.join(ticket)
    return tickets


def _granted(slots: Slots, now: float = 0.0) -> list[tuple[int, str | None]]:
    return [(ticket.number, ticket.address) for ticket in slots.grant(now)]


def test_the_queue_is_in_order_of_arrival_whoever_asks_first() -> None:
    slots = _slots(1, ONE)
    tickets = [Ticket(at, number) for number, at in enumerate((5.0, 1.0, 3.0, 1.0))]
    for ticket in tickets:
        slots.join(ticket)
    order = []
    while slots.waiting:
        [ticket] = slots.grant(0.0)
        order.append(ticket.number)
        slots.leave(ticket)
    assert order == [1, 3, 2, 0]


def test_each_replica_takes_as_many_as_the_limit_and_the_emptiest_is_first() -> None:
    slots = _slots(2, ONE, TWO)
    _queue(slots, 5)
    assert _granted(slots) == [(0, ONE), (1, TWO), (2, ONE), (3, TWO)]
    assert (slots.waiting, slots.in_use()) == (1, {ONE: 2, TWO: 2})


def test_the_first_in_the_queue_goes_to_whichever_frees_first_also_one_added_later() -> None:
    slots = _slots(1, ONE, TWO)
    tickets = _queue(slots, 4)
    assert _granted(slots) == [(0, ONE), (1, TWO)]
    slots.leave(tickets[1])
    assert _granted(slots) == [(2, TWO)]
    slots.offer([ONE, TWO, THREE])
    assert _granted(slots) == [(3, THREE)]


def test_equals_take_turns() -> None:
    slots = _slots(1, ONE, TWO)
    seen = []
    for ticket in (Ticket(0.0, number) for number in range(4)):
        slots.join(ticket)
        seen += _granted(slots)
        slots.leave(ticket)
    assert [address for _, address in seen] == [ONE, TWO, ONE, TWO]


def test_a_replica_that_leaves_gets_nothing_new_and_remembers_its_slots_if_it_returns() -> None:
    slots = _slots(1, ONE)
    tickets = _queue(slots, 2)
    assert _granted(slots) == [(0, ONE)]
    slots.offer([])
    assert slots.in_use() == {ONE: 1}
    slots.offer([ONE])
    assert _granted(slots) == []
    slots.offer([])
    slots.leave(tickets[0])
    assert _granted(slots) == []
    slots.offer([ONE])
    assert _granted(slots) == [(1, ONE)]


def test_a_limit_may_change_and_go() -> None:
    slots = _slots(1, ONE)
    tickets = _queue(slots, 6)
    assert _granted(slots) == [(0, ONE)]
    slots.limit = 3
    assert _granted(slots) == [(1, ONE), (2, ONE)]
    slots.limit = 1
    slots.leave(tickets[0])
    slots.leave(tickets[1])
    assert _granted(slots) == []
    slots.leave(tickets[2])
    assert _granted(slots) == [(3, ONE)]
    slots.limit = 0
    assert _granted(slots) == [(4, ONE), (5, ONE)]


def test_who_leaves_the_queue_gets_no_slot_and_leaving_twice_does_nothing() -> None:
    slots = _slots(1, ONE)
    tickets = _queue(slots, 3)
    assert _granted(slots) == [(0, ONE)]
    for _ in range(2):
        slots.leave(tickets[1])
        slots.leave(tickets[0])
    assert _granted(slots) == [(2, ONE)]


def test_a_replica_that_did_not_let_one_in_is_tried_again_only_where_there_is_no_other() -> None:
    slots = _slots(1, ONE, TWO)
    returned, other, third = Ticket(0.0, 0, frozenset([ONE])), Ticket(1.0, 1), Ticket(2.0, 2)
    slots.join(other)
    assert _granted(slots) == [(1, ONE)]
    slots.join(returned)
    slots.join(third)
    slots.leave(other)
    assert _granted(slots) == [(0, TWO), (2, ONE)]
    slots.leave(third)
    slots.join(Ticket(3.0, 3, frozenset([ONE])))
    slots.join(Ticket(4.0, 4))
    assert _granted(slots) == [(4, ONE)], "it need not wait for the other's replica"
    slots.offer([ONE])
    slots.limit = 2
    assert _granted(slots) == [(3, ONE)]


def test_nothing_is_granted_where_requests_may_be_without_a_slot_until_they_are_counted() -> None:
    slots = _slots(3, ONE)
    slots.distrust([ONE])
    _queue(slots, 4)
    assert _granted(slots, now=100.0) == []
    slots.count(ONE, 2, settled_before=99.0)
    assert _granted(slots, now=100.0) == [(0, ONE)]
    slots.count(ONE, 2, settled_before=99.5)
    assert _granted(slots) == [], "the slot just granted may not be among the two"
    slots.count(ONE, 2, settled_before=100.5)
    assert _granted(slots, now=101.0) == [(1, ONE)]
    slots.count(ONE, 9, settled_before=99.0)
    slots.count(ONE, 2, settled_before=102.0)
    assert _granted(slots) == [(2, ONE)]
    assert slots.uncounted == ()


def test_never_more_than_the_limit_whatever_happens() -> None:
    chance = random.Random(7)
    slots = _slots(2, ONE)
    tickets: list[Ticket] = []
    held: list[Ticket] = []
    for number in range(20_000):
        what = chance.randrange(5)
        if what == 0:
            slots.offer(chance.sample([ONE, TWO, THREE], chance.randrange(4)))
        elif what == 1:
            slots.limit = chance.choice([1, 2, 3])
        elif what == 2 and tickets:
            ticket = tickets.pop(chance.randrange(len(tickets)))
            slots.leave(ticket)
            held = [each for each in held if each is not ticket]
        else:
            tickets.append(Ticket(chance.random(), number))
            slots.join(tickets[-1])
        for granted in slots.grant(0.0):
            held.append(granted)
            at_once = sum(each.address == granted.address for each in held)
            assert at_once <= slots.limit
    for ticket in tickets:
        slots.leave(ticket)
    assert slots.is_unused
