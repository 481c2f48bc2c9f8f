"""Who creates a workload and asks it at once is made to wait, and never told it is not there."""

import os
import signal
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.crash.records import read_records
from tests.end_to_end.platforms import Answer, Platform, canary, eventually, fetch
from windlass.gateway.client import GateClient

ADDITIONAL = [{"container": 9000, "toolType": "custom"}]


def test_a_request_right_after_the_creation_waits_also_while_no_controllers_run(
    platform: Platform,
) -> None:
    name = f"first-{uuid.uuid4().hex[:8]}"
    gate = GateClient(platform.data_dir / "gateway")
    with ThreadPoolExecutor(2) as threads:
        with no_controllers(platform):
            created = platform.submit(name, canary(exposedUrls=ADDITIONAL))
            host = created["name"] + "-runai-" + platform.administrator["project_name"]
            domain = platform.administrator["domain"]
            held = [
                threads.submit(platform.ask, name),
                threads.submit(fetch, platform.gateway, headers={"Host": f"{host}.{domain}"}),
            ]
            eventually(
                lambda: (
                    gate.status()["held"].get(created["workloadId"]) == len(held)
                    or next((asked.result() for asked in held if asked.done()), None)
                ),
                "that both wait",
            )
            assert not any(asked.done() for asked in held)
        assert [asked.result().status for asked in held] == [200, 200]
    gate.close()
    platform.delete(created["workloadId"])
    assert platform.ask(name).status == 404


def test_many_that_are_created_at_once_are_there_at_once(platform: Platform) -> None:
    asleep = canary(autoscaling={"minReplicas": 0, "maxReplicas": 1, "initialReplicas": 0})

    def create_and_ask(number: int) -> Answer:
        name = f"burst-{run}-{number}"
        created = platform.submit(name, asleep)
        made.append(created["workloadId"])
        return platform.ask(name)

    run, made = uuid.uuid4().hex[:8], list[str]()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(create_and_ask, range(16)))
    assert {answer.status for answer in answers} == {200}
    for workload_id in made:
        platform.call("DELETE", f"/api/v1/workloads/inferences/{workload_id}")
    for workload_id in made:
        platform.wait_until_gone(workload_id)


@contextmanager
def no_controllers(platform: Platform) -> Iterator[None]:
    """While its controllers stand still."""
    controllers = read_records(platform.data_dir, None).controllers_pid
    assert controllers is not None
    os.kill(controllers, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(controllers, signal.SIGCONT)
