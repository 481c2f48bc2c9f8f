"""The slots that Envoy hands out: its module, asked without an Envoy."""

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest

from windlass.gateway import envoy_module
from windlass.gateway.envoy_module import MODULE, module_directory

ONE, TWO = "10.0.0.1:80", "10.0.0.2:80"


class _Text(ctypes.Structure):
    _fields_ = (("at", ctypes.c_char_p), ("length", ctypes.c_size_t))


def _text(said: str) -> _Text:
    # Envoy's texts end where they end, with no zero behind them.
    return _Text(said.encode() + b"9", len(said.encode()))


@pytest.fixture(scope="session")
def module() -> ctypes.CDLL:
    """Loaded without an Envoy, whose functions are looked for only when they are called."""
    directory = module_directory()
    assert directory is not None, "there is none for this machine"
    loaded = ctypes.CDLL(str(directory / f"lib{MODULE}.so"), mode=os.RTLD_LAZY)
    loaded.lending_heard.argtypes = [_Text]
    loaded.lending_heard.restype = ctypes.c_void_p
    loaded.slot_taken.restype = ctypes.c_void_p
    loaded.asking_begun.restype = ctypes.c_void_p
    loaded.asking_ended.argtypes = [ctypes.c_void_p, _Text, _Text]
    loaded.replica_address.restype = _Text
    loaded.lending_milliseconds.restype = _Text
    for name in (
        "lending_forgotten",
        "slot_taken",
        "asking_begun",
        "slot_returned",
        "replica_address",
        "lending_milliseconds",
    ):
        getattr(loaded, name).argtypes = [ctypes.c_void_p]
    return loaded


class Lending:
    """What routes say of one workload, and the slots that are taken of it."""

    def __init__(self, module: ctypes.CDLL, workload: str) -> None:
        self._module = module
        self._workload = workload
        self._known: list[int] = []
        self._taken: list[int] = []

    def hear(
        self, version: int, slots: dict[str, int], *, era: int = 1, whole: bool = False
    ) -> int:
        """A route that says this; it is taken as known from then on."""
        lines = [f"{self._workload} {version} {era} {int(whole)} 60000"]
        lines += [f"{address} {number}" for address, number in slots.items()]
        heard: int = self._module.lending_heard(_text("\n".join(lines)))
        self._known.append(heard)
        return heard

    def take(self, route: int) -> str | None:
        """The address of a slot, by what this route knows."""
        slot = self._module.slot_taken(route)
        if slot is None:
            return None
        self._taken.append(slot)
        text = self._module.replica_address(slot)
        first, second = text.at[: text.length].decode().split(",")
        assert first == second, "the same for both tries"
        return str(first)

    def ask_the_gate(self, route: int) -> Callable[[str, str], None]:
        """What is called when the request ends, with what the gate said."""
        asking = self._module.asking_begun(route)

        def end(address: str, era: str) -> None:
            texts = [_text(",".join([address] * 2) if address else ""), _text(era)]
            self._module.asking_ended(asking, *texts)

        return end

    def put_back(self, index: int = 0) -> None:
        """The slot that was taken then."""
        self._module.slot_returned(self._taken.pop(index))

    def forget(self, route: int) -> None:
        """The route is not known any more."""
        self._known.remove(route)
        self._module.lending_forgotten(route)

    def end(self) -> None:
        """Nothing is left."""
        while self._taken:
            self.put_back()
        while self._known:
            self.forget(self._known[0])


@pytest.fixture
def lending(module: ctypes.CDLL, _numbers: "count[int]" = count()) -> Iterator[Lending]:  # noqa: B008
    """Of a workload that no other test uses."""
    made = Lending(module, f"workload-{next(_numbers)}")
    yield made
    made.end()


@pytest.fixture
def start(module: ctypes.CDLL) -> Callable[[str], Lending]:
    """Another workload."""
    return lambda name: Lending(module, name)


def test_so_many_are_handed_out_as_are_lent_and_the_emptiest_replica_is_first(
    lending: Lending,
) -> None:
    route = lending.hear(1, {ONE: 2, TWO: 1})
    taken = [lending.take(route) for _ in range(4)]
    assert sorted(taken[:2], key=str) == [ONE, TWO]
    assert taken[2:] == [ONE, None]
    lending.put_back(taken.index(TWO))
    assert [lending.take(route) for _ in range(2)] == [TWO, None]


def test_equals_take_turns(lending: Lending) -> None:
    route = lending.hear(1, {ONE: 1, TWO: 1})
    taken = []
    for _ in range(4):
        taken.append(lending.take(route))
        lending.put_back()
    assert taken in ([ONE, TWO, ONE, TWO], [TWO, ONE, TWO, ONE])


def test_what_is_taken_back_is_so_at_once_whatever_a_worker_knows(lending: Lending) -> None:
    old = lending.hear(1, {ONE: 2, TWO: 2})
    assert lending.take(old) is not None
    lending.hear(2, {TWO: 1})
    assert [lending.take(old) for _ in range(2)].count(ONE) == 0
    lending.hear(3, {})
    lending.put_back()
    assert lending.take(old) is None


def test_a_worker_that_has_not_heard_of_a_replica_is_not_sent_there(lending: Lending) -> None:
    old = lending.hear(1, {ONE: 1})
    new = lending.hear(2, {ONE: 1, TWO: 1})
    assert [lending.take(old) for _ in range(2)] == [ONE, None]
    assert lending.take(new) == TWO


def test_a_replica_that_was_lent_before_is_new_when_it_comes_again(lending: Lending) -> None:
    old = lending.hear(1, {ONE: 1})
    assert lending.take(old) == ONE
    lending.hear(2, {})
    new = lending.hear(3, {ONE: 2})
    assert lending.take(old) is None
    assert lending.take(new) == ONE
    assert lending.take(new) is None, "one is in flight from before"


def test_what_was_said_before_does_not_count_any_more(lending: Lending) -> None:
    new = lending.hear(7, {ONE: 1})
    for version in (7, 6, 1):
        route = lending.hear(version, {ONE: 5, TWO: 5})
    assert lending.take(route) is None
    assert [lending.take(new) for _ in range(2)] == [ONE, None]


@pytest.mark.parametrize(("whole", "then"), [(True, None), (False, ONE)])
def test_none_is_handed_out_past_one_that_waits_at_the_gate(
    lending: Lending, whole: bool, then: str | None
) -> None:
    route = lending.hear(1, {ONE: 1}, whole=whole)
    assert [lending.take(route) for _ in range(2)] == [ONE, None]
    lending.put_back()
    assert lending.take(route) == then
    again = lending.hear(2, {ONE: 2}, whole=whole)
    assert lending.take(again) == ONE


def test_slots_outlive_the_routes_they_were_taken_by(lending: Lending) -> None:
    route = lending.hear(1, {ONE: 1})
    assert lending.take(route) == ONE
    lending.forget(route)
    route = lending.hear(2, {ONE: 1})
    assert lending.take(route) is None
    lending.put_back()
    assert lending.take(route) == ONE


def test_workloads_do_not_share(start: Callable[[str], Lending]) -> None:
    one, other = start("one"), start("other")
    route, other_route = one.hear(5, {ONE: 1}), other.hear(1, {ONE: 1})
    assert (one.take(route), one.take(route)) == (ONE, None)
    assert other.take(other_route) == ONE
    for each in (one, other):
        each.end()


def test_the_time_out_is_told_with_it(module: ctypes.CDLL, lending: Lending) -> None:
    text = module.lending_milliseconds(lending.hear(1, {}))
    assert text.at[: text.length] == b"60000"


@pytest.mark.parametrize("said", ["", "workload", "workload one 1 0 1", "workload 1 1 0 soon"])
def test_what_it_does_not_understand_is_refused(module: ctypes.CDLL, said: str) -> None:
    assert module.lending_heard(_text(said)) is None


def test_a_slot_of_the_gates_is_lent_once_its_request_has_ended(lending: Lending) -> None:
    route = lending.hear(3, {ONE: 0, TWO: 0}, era=3)
    assert lending.take(route) is None
    end = lending.ask_the_gate(route)
    end(TWO, "3")
    assert [lending.take(route) for _ in range(2)] == [TWO, None]


@pytest.mark.parametrize(
    ("address", "era"), [("", ""), (ONE, ""), (ONE, "2"), (TWO, "3"), (ONE, "3" * 30), (ONE, "x")]
)
def test_a_slot_that_the_gate_did_not_say_so_of_is_not_lent(
    lending: Lending, address: str, era: str
) -> None:
    route = lending.hear(3, {ONE: 0}, era=3)
    lending.ask_the_gate(route)(address, era)
    assert lending.take(route) is None


def test_what_was_taken_back_meanwhile_stays_with_the_gate(lending: Lending) -> None:
    route = lending.hear(3, {ONE: 0}, era=3)
    before, after = (lending.ask_the_gate(route) for _ in range(2))
    lending.hear(4, {}, era=0)
    before(ONE, "3")
    again = lending.hear(5, {ONE: 0}, era=5)
    after(ONE, "3")
    assert lending.take(again) is None


def test_it_was_built_from_the_sources_that_are_here() -> None:
    kept = Path(envoy_module.__file__).parent
    built_from = dict(line.split()[::-1] for line in (kept / "sources.sha256").open())
    sources = {path.name: path for path in kept.glob("*.[ch]")}
    assert built_from == {
        name: sha256(path.read_bytes()).hexdigest() for name, path in sources.items()
    }, "run `make module`"


@pytest.mark.long
def test_the_same_sources_give_the_same_module(tmp_path: Path) -> None:
    """Installs the compiler."""
    subprocess.run(["tools/build_module.sh", str(tmp_path)], check=True, timeout=600)
    kept = Path(envoy_module.__file__).parent
    built = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.so"))
    assert built
    for path in built:
        assert (tmp_path / path).read_bytes() == (kept / path).read_bytes(), path
