"""Where the kernel accounts for a container: its control groups, found by its first process."""

import os


def groups_of(pid: int, container_id: str) -> list[str]:
    """The folders whose counters are this container's alone; none where that cannot be told.

    Those of version 2 of cgroups, and of version 1's memory controller. See cgroups(7), proc(5).
    """
    found: list[str] = []
    try:
        with open(f"/proc/{pid}/cgroup") as file:
            memberships = [line.rstrip("\n").split(":", 2) for line in file]
        with open("/proc/self/mountinfo") as file:
            mounts = [line.partition(" - ") for line in file]
    except OSError:
        return []
    for before, _, after in mounts:
        fields, kind = before.split(), after.split()
        for _, controllers, group in memberships:
            version_2 = kind[0] == "cgroup2" and controllers == ""
            version_1 = kind[0] == "cgroup" and controllers.split(",").count("memory") > 0
            if not version_2 and not (version_1 and "memory" in kind[-1].split(",")):
                continue
            folder = os.path.join(fields[4], os.path.relpath(group, fields[3]))
            found += _own(folder, container_id)
    return found


def _own(folder: str, container_id: str) -> list[str]:
    """The folder and those around it that are the container's alone: they carry its id."""
    own = []
    while container_id in folder and os.path.isdir(folder):
        own.append(folder)
        folder = os.path.dirname(folder)
    return own
