"""Division of a pool among queues: the published rules and worked examples, and what always holds.

Every fair share that KAI-Scheduler itself reported is compared in `test_kai_agreement.py`.
"""

from fractions import Fraction
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.scheduling.building import node, queue, workload
from windlass.scheduling import WHOLE_DEVICE, Quota, Request, Snapshot, plan
from windlass.scheduling.fair_share import Claim, divide

GPU = WHOLE_DEVICE


def claim(name: str, deserved: float, requested: float, **more: object) -> Claim:
    words = {"limit": inf, "weight": Fraction(1), "rank": 100, "created_at": 0.0, **more}
    return Claim(name, deserved * GPU, requested=int(requested * GPU), **words)  # type: ignore[arg-type]


def shares(total: float, *claims: Claim, strength: int = 1) -> list[float]:
    divide(int(total * GPU), claims, GPU, Fraction(strength))
    return [each.share / GPU for each in claims]


def test_everyone_gets_what_it_deserves_and_asks_for() -> None:
    assert shares(10, claim("a", 4, 3), claim("b", 6, 6)) == [3, 6]


def test_the_deserved_is_granted_even_above_capacity() -> None:
    assert shares(12, claim("a", 8, 8), claim("b", 6, 6)) == [8, 6]


def test_surplus_goes_by_weight() -> None:
    heavy = claim("a", 0, 10, weight=Fraction(3))
    assert shares(8, heavy, claim("b", 0, 10)) == [6, 2]


def test_what_one_leaves_is_shared_again() -> None:
    assert shares(9, claim("a", 0, 1), claim("b", 0, 9), claim("c", 0, 9)) == [1, 4, 4]


def test_weight_zero_gets_no_surplus() -> None:
    assert shares(8, claim("a", 1, 8, weight=Fraction(0)), claim("b", 1, 8)) == [1, 7]


def test_higher_rank_gets_surplus_first() -> None:
    assert shares(6, claim("a", 0, 8, rank=90), claim("b", 0, 4)) == [2, 4]


def test_a_rank_that_cuts_down_to_whole_devices_leaves_the_rest_to_the_next_rank() -> None:
    equal = [claim("a", 0, 4), claim("b", 0, 4)]
    assert shares(1, *equal, claim("c", 0, 4, rank=90)) == [0, 0, 1]


def test_a_leftover_device_goes_to_the_largest_cut_then_to_the_oldest() -> None:
    older = claim("b", 0, 5, created_at=1.0)
    assert shares(5, claim("a", 0, 5, created_at=2.0), older) == [2, 3]
    heavy = claim("a", 0, 9, weight=Fraction(2))
    assert shares(4, heavy, claim("b", 0, 9)) == [3, 1]


def test_a_limit_bounds_the_share() -> None:
    assert shares(8, claim("a", 0, 8, limit=2 * GPU), claim("b", 0, 8)) == [2, 6]


def test_an_unlimited_quota_deserves_all() -> None:
    assert shares(8, Claim("a", inf, inf, Fraction(1), 20 * GPU, 100, 0.0), claim("b", 2, 2)) == [
        8,
        2,
    ]


def test_past_usage_counts_against_the_weight() -> None:
    used = claim("a", 0, 8, usage=Fraction(1, 2))
    assert shares(8, used, claim("b", 0, 8)) == [3, 5]


def test_past_usage_is_ignored_at_strength_zero() -> None:
    used = claim("a", 0, 8, usage=Fraction(1, 2))
    assert shares(8, used, claim("b", 0, 8), strength=0) == [4, 4]


def test_the_pools_of_nvidias_osmo_documentation() -> None:
    """100 GPUs; one guarantees 30, weight 1, at most 70, the other 50, weight 3: 20 are left."""
    training = claim("training", 30, 100, limit=70 * GPU)
    simulation = claim("simulation", 50, 100, weight=Fraction(3))
    assert shares(100, training, simulation) == [35, 65]
    alone = claim("training", 30, 100, limit=70 * GPU)
    assert shares(100, alone, claim("simulation", 50, 0, weight=Fraction(3))) == [70, 0]


def test_portions_are_shared_exactly() -> None:
    assert shares(1, claim("a", 0, 0.3), claim("b", 0, 0.7)) == [0.3, 0.7]


def test_a_department_shares_among_its_projects_what_it_got_itself() -> None:
    queues = (
        queue("d0", 4),
        queue("d1", 4, created_at=1.0),
        queue("d0-a", 2, parent="d0", created_at=2.0),
        queue("d0-b", 2, parent="d0", created_at=3.0),
        queue("d1-a", 4, parent="d1", created_at=4.0),
    )
    asks = [workload(name, Request(devices=1), pods=6, queue=name) for name in ("d0-a", "d0-b")]
    decided = plan(Snapshot((node("n", gpus=8),), tuple(asks), queues))
    given_out = (decided.fair_shares or {})["default"]
    assert {name: share[0] // GPU for name, share in given_out.items()} == {
        "d0": 8,
        "d1": 0,
        "d0-a": 4,
        "d0-b": 4,
        "d1-a": 0,
    }


def test_cpu_is_shared_like_gpus() -> None:
    cpu = Quota(deserved=1000)
    queues = tuple(queue(name, 0, cpu=cpu, created_at=at) for at, name in enumerate("ab"))
    asks = tuple(
        workload(
            name, Request(cpu_millicores=1000), pods=4, min_members=1, queue=name, preemptible=True
        )
        for name in "ab"
    )
    decided = plan(Snapshot((node("n", cores=4),), asks, queues))
    assert sorted(pod[0] for pod in decided.placements) == ["a", "a", "b", "b"]


AMOUNTS = st.integers(0, 20).map(lambda quarters: quarters * GPU // 4)


@st.composite
def claims(draw: st.DrawFn) -> list[Claim]:
    return [
        Claim(
            f"q{index}",
            deserved=draw(st.one_of(AMOUNTS, st.just(inf))),
            limit=draw(st.one_of(AMOUNTS, st.just(inf))),
            weight=Fraction(draw(st.integers(0, 3))),
            requested=draw(AMOUNTS),
            rank=draw(st.sampled_from((90, 100))),
            created_at=float(index),
            usage=Fraction(draw(st.integers(0, 4)), 4),
        )
        for index in range(draw(st.integers(1, 5)))
    ]


@given(AMOUNTS, claims())
def test_shares_add_up(total: int, made: list[Claim]) -> None:
    divide(total, made, GPU, Fraction(1))
    for each in made:
        granted = min(total if each.deserved == inf else each.deserved, each.requestable)
        assert each.share >= granted
        assert each.share < each.requestable + GPU
    granted_in_all = sum(
        min(total if each.deserved == inf else int(each.deserved), each.requestable)
        for each in made
    )
    assert sum(each.share for each in made) <= max(total, granted_in_all)
    wanting = [each for each in made if not each.is_satisfied and each.weight > 0]
    if wanting and all(each.usage == 0 for each in made):
        assert sum(each.share for each in made) >= total


@given(AMOUNTS, claims())
def test_shares_do_not_depend_on_the_order_of_queues(total: int, made: list[Claim]) -> None:
    divide(total, made, GPU, Fraction(1))
    expected = {each.id: each.share for each in made}
    for each in made:
        each.share = 0
    divide(total, made[::-1], GPU, Fraction(1))
    assert {each.id: each.share for each in made} == expected
