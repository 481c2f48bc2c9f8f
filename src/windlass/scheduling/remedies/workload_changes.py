"""What a waiting workload may ask for instead, from a little less to much less."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from windlass.scheduling.matching import has_labels, keeps_off
from windlass.scheduling.model import Request, Snapshot, Taint, Toleration, Workload
from windlass.scheduling.quantities import WHOLE_DEVICE, Resource, describe
from windlass.scheduling.remedies.steps import Step, open_pools, waiting_pod
from windlass.scheduling.what_if import Changes


def smaller_requests(_then: Snapshot, workload: Workload) -> Sequence[Step]:
    """Fewer devices, then smaller parts of one."""
    request = waiting_pod(workload).request
    if request.mig_profile is not None or not request.devices:
        return ()
    return [
        Step(_asking(workload, smaller), f"with {_gpu_words(smaller)} for each pod")
        for smaller in _device_steps(request)
    ]


def less_cpu_or_memory(_then: Snapshot, workload: Workload) -> Sequence[Step]:
    """A half, a quarter … of CPU and memory."""
    request = waiting_pod(workload).request
    steps = []
    for part in (2, 4, 8, 16):
        cpu, memory = request.cpu_millicores // part, request.memory_bytes // part
        amounts = [describe(Resource.CPU, cpu)] * (cpu > 0)
        amounts += [describe(Resource.MEMORY, memory)] * (memory > 0)
        smaller = replace(request, cpu_millicores=cpu, memory_bytes=memory)
        words = f"with a smaller request: {' and '.join(amounts)} for each pod"
        steps.append(Step(_asking(workload, smaller), words))
    return steps


def fewer_together(_then: Snapshot, workload: Workload) -> Sequence[Step]:
    """A smaller minimum."""
    return [
        Step(
            _with(replace(workload, min_members=members)),
            f"with {members} of its {len(workload.pods)} pods, if these need not wait for the "
            "others",
        )
        for members in range(workload.minimum - 1, 0, -1)
    ]


def fewer_constraints(_then: Snapshot, workload: Workload) -> Sequence[Step]:
    """Pods that need not be together, then pods that may be on any node whatever its labels."""
    apart = replace(workload, topology=None, pod_affinity=None)
    anywhere = replace(apart, node_labels={}, node_affinity=())
    steps = []
    if apart != workload:
        steps.append(Step(_with(apart), "with pods that need not be together"))
    if anywhere != apart:
        steps.append(Step(_with(anywhere), "on nodes with other labels"))
    return steps


def tolerations(then: Snapshot, workload: Workload) -> Sequence[Step]:
    """For the taints of one node with the labels asked for, from few to many; then for all taints
    of such nodes."""
    pools = open_pools(then, workload)
    nodes = [
        node
        for node in sorted(then.nodes, key=lambda node: node.name)
        if node.pool in pools and has_labels(node.labels, workload)
    ]
    of_nodes = {
        tuple(taint for taint in node.taints if keeps_off(taint, workload)): None for node in nodes
    }
    choices = sorted(filter(None, of_nodes), key=len)
    of_all = tuple({taint: None for taints in choices for taint in taints})
    if choices and of_all not in choices:
        choices.append(of_all)
    return [_tolerating(workload, chosen) for chosen in choices]


def as_preemptible(_then: Snapshot, workload: Workload) -> Sequence[Step]:
    """Preemptible, where it is not."""
    if workload.preemptible:
        return ()
    words = "as preemptible work, which may go over quota"
    return (Step(_with(replace(workload, preemptible=True)), words),)


def other_pools(then: Snapshot, workload: Workload) -> Sequence[Step]:
    """The pool most likely to help, then all that it is not in yet.

    Likely is one of which the project has a share, and that has the most devices free.
    """
    others = {node.pool for node in then.nodes} - set(workload.pools)
    if not others:
        return ()
    shared = {queue.pool for queue in then.queues if queue.id == workload.queue} or others
    free = _free_devices(then)
    best = min(others, key=lambda pool: (pool not in shared, -free.get(pool, 0), pool))
    steps = [_in_pools(workload, (best,))]
    if len(others) > 1:
        steps.append(_in_pools(workload, sorted(others, key=lambda pool: (pool != best, pool))))
    return steps


def _device_steps(request: Request) -> Iterator[Request]:
    for devices in range(request.devices - 1, 0, -1):
        yield replace(request, devices=devices)
    one = replace(request, devices=1)
    if request.device_memory_bytes is not None:
        for part in (2, 4, 8):
            yield replace(one, device_memory_bytes=request.device_memory_bytes // part)
        return
    for percent in (75, 50, 25, 10):
        smaller = WHOLE_DEVICE * percent // 100
        if smaller < request.portion:
            yield replace(one, portion=smaller)


def _gpu_words(request: Request) -> str:
    memory = request.device_memory_bytes
    if memory is None:
        amount = describe(Resource.GPU, request.devices * request.portion)
        return f"a smaller GPU request: {amount}"
    on = "" if request.devices == 1 else f" on each of {request.devices} GPUs"
    return f"a smaller GPU memory request: {describe(Resource.GPU_MEMORY, memory)}{on}"


def _asking(workload: Workload, request: Request) -> Changes:
    """The same for all pods that wait and ask for what the first of them does."""
    old = waiting_pod(workload).request
    pods = tuple(
        replace(pod, request=request) if pod.placement is None and pod.request == old else pod
        for pod in workload.pods
    )
    return _with(replace(workload, pods=pods))


def _with(workload: Workload) -> Changes:
    return Changes(add_workloads=(workload,))


def _tolerating(workload: Workload, taints: Sequence[Taint]) -> Step:
    added = (Toleration(taint.key, value=taint.value, effect=taint.effect) for taint in taints)
    words = ", ".join(map(_taint_words, taints))
    return Step(
        _with(replace(workload, tolerations=(*workload.tolerations, *added))),
        f"with a toleration for {'this taint' if len(taints) == 1 else 'these taints'}: {words}",
    )


def _taint_words(taint: Taint) -> str:
    """As `kubectl taint` takes it."""
    value = f"={taint.value}" if taint.value else ""
    return f"{taint.key}{value}:{taint.effect}"


def _in_pools(workload: Workload, pools: Sequence[str]) -> Step:
    words = f"in node pool {' or '.join(pools)}"
    return Step(_with(replace(workload, pools=(*workload.pools, *pools))), words)


def _free_devices(then: Snapshot) -> Mapping[str, int]:
    free: dict[str, int] = {}
    pool_of = {node.name: node.pool for node in then.nodes}
    for node in then.nodes:
        free[node.pool] = free.get(node.pool, 0) + len(node.devices) * WHOLE_DEVICE
    for workload in then.workloads:
        for pod in workload.pods:
            if pod.placement is not None and pod.placement.node in pool_of:
                pool = pool_of[pod.placement.node]
                free[pool] -= sum(share.portion for share in pod.placement.devices)
    return free
