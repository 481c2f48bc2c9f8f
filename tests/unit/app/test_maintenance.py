"""Tasks by the clock."""

from windlass.app.maintenance import Maintenance, Task
from windlass.kit.clock import ManualClock
from windlass.kit.errors import Unavailable


def test_each_task_runs_at_its_own_pace_and_trouble_of_one_stops_no_other() -> None:
    clock = ManualClock()
    ran: list[str] = []

    def fail() -> None:
        ran.append("failing")
        raise Unavailable("not now")

    tasks = (
        Task("failing", 5, fail),
        Task("often", 1, lambda: ran.append("often")),
        Task("seldom", 3, lambda: ran.append("seldom")),
    )
    maintenance = Maintenance(tasks, clock)
    for _ in range(6):
        maintenance.run_due()
        clock.advance(1)
    assert ran.count("often") == 5
    assert ran.count("seldom") == 1
    assert ran.count("failing") == 1
    maintenance.run_due()
    assert ran.count("failing") == 2, "what failed is tried again at the next look"
