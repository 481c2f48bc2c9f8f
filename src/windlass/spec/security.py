"""What the container's processes may do, and as whom they run."""

import re
from collections.abc import Iterator
from typing import Literal

from windlass.kit.errors import FieldError
from windlass.spec.model import SpecModel
from windlass.spec.scalars import Int64

Capability = Literal[
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "SETGID",
    "SETFCAP",
    "SETPCAP",
    "SETUID",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "SYSLOG",
    "WAKE_ALARM",
]


class Security(SpecModel):
    """The security context of the container."""

    uid_gid_source: Literal["fromTheImage", "fromIdpToken", "custom"] | None = None
    capabilities: list[Capability] | None = None
    seccomp_profile_type: Literal["RuntimeDefault", "Unconfined", "Localhost"] | None = None
    run_as_non_root: bool | None = None
    read_only_root_filesystem: bool | None = None
    run_as_uid: Int64 | None = None
    run_as_gid: Int64 | None = None
    supplemental_groups: str | None = None


def security_errors(security: Security, path: str) -> Iterator[FieldError]:
    """Ids that no user or group can have."""
    for field, value in (("runAsUid", security.run_as_uid), ("runAsGid", security.run_as_gid)):
        if value is not None and not 0 <= value <= _LARGEST_ID:
            yield FieldError(f"{path}.{field}", f"must be from 0 to {_LARGEST_ID}, not {value}")
    groups = security.supplemental_groups
    if groups and not _GROUPS.fullmatch(groups):
        yield FieldError(
            f"{path}.supplementalGroups", "must be group numbers with commas between them"
        )


def groups_of(security: Security) -> tuple[int, ...]:
    """The supplemental groups of checked security settings."""
    return tuple(int(group) for group in (security.supplemental_groups or "").split(",") if group)


_LARGEST_ID = 2**31 - 1
"""As in Kubernetes."""
_GROUPS = re.compile(r"\d{1,10}( *, *\d{1,10})*", re.ASCII)
