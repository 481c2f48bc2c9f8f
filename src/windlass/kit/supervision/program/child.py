"""Starts the process that is supervised, in a session, cgroups and user of its own."""

import contextlib
import ctypes
import json
import os
import select
import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38

# What CPython ignores from its start, and this program while it supervises. Those that are handled
# an exec sets to their defaults by itself.
_IGNORED_HERE = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP)

_libc = ctypes.CDLL(None, use_errno=True)


class StartFailed(Exception):
    """The process could not be executed; the message says at which step and why."""


class Start:
    """What to execute, and as whom. `user` is uid, gid and supplementary groups."""

    def __init__(
        self,
        program: str,
        argv: list[str],
        environment: dict[str, str],
        working_directory: str,
        user: tuple[int, int, list[int]] | None,
        control_groups: list[str],
    ) -> None:
        self.program = program
        self.argv = argv
        self.environment = environment
        self.working_directory = working_directory
        self.user = user
        self.control_groups = control_groups


def forget_inherited_signals() -> None:
    """Do not ignore what whoever started this program had ignored: what it starts would, too."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, *_IGNORED_HERE}:
        signal.signal(number, signal.SIG_DFL)


def become_subreaper() -> None:
    """Make orphaned descendants children of this process, so that none gets away.

    Raises OSError when the kernel refuses.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent, whose PID that is, ends; or end at once
    where it has ended already. Raises OSError when the kernel refuses."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(127)


def outlive_parent() -> None:
    """Undo `end_with_parent`."""
    _prctl(_PR_SET_PDEATHSIG, 0)


class Child:
    """A process that was forked, and executes nothing until it is told what.

    To fork takes time, so it may be done before that is known. It ends with this process.
    """

    def __init__(self) -> None:
        """Raises OSError where no process can be made."""
        self.output, output = os.pipe()
        """Its standard output and error."""
        os.set_blocking(self.output, False)
        told, self._tell = os.pipe()
        self._failure, failure = os.pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            for descriptor in (self.output, self._tell, self._failure):
                os.close(descriptor)
            _run_child(told, output, parent, failure)
        for descriptor in (output, told, failure):
            os.close(descriptor)

    @property
    def waits(self) -> bool:
        """Whether it is still there to be told."""
        poll = select.poll()
        poll.register(self._tell, 0)
        return not poll.poll(0)

    def execute(self, what: Start) -> None:
        """Have it execute that; returns once it does. Raises StartFailed, and then it is gone."""
        # Where it is gone, the other end says so, too.
        with contextlib.suppress(BrokenPipeError), open(self._tell, "wb") as tell:
            tell.write(json.dumps(what.__dict__).encode())
        with open(self._failure, "rb") as pipe:
            # Ends when the program is executed, because that closes the other end.
            failure = pipe.read()
        if not failure:
            return
        os.close(self.output)
        self._wait()
        raise StartFailed(failure.decode(errors="replace"))

    def dismiss(self) -> None:
        """It is not needed."""
        for descriptor in (self._tell, self._failure, self.output):
            os.close(descriptor)
        self._wait()

    def _wait(self) -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _run_child(told: int, output: int, parent: int, failure: int) -> None:
    step = "could not prepare the process"
    try:
        end_with_parent(parent)
        _detach(output)
        with open(told, "rb") as pipe:
            what = _what_to_start(pipe.read())
        step = "could not join its cgroups"
        for group in what.control_groups:
            _join(group)
        if what.user is not None:
            step = f"could not change to user {what.user[0]}"
            _become(what.user)
        step = f"could not enter the working directory {what.working_directory}"
        os.chdir(what.working_directory)
        step = "could not tie the process to its supervisor"
        # Once more: the change of user has undone it.
        end_with_parent(parent)
        step = f"could not execute {what.program}"
        os.execve(what.program, what.argv, what.environment)
    except OSError as error:
        os.write(failure, f"{step}: {error.strerror}".encode())
    except (ValueError, TypeError) as error:
        os.write(failure, f"{step}: {error}".encode())
    finally:
        os._exit(127)


def _join(group: str) -> None:
    """In version 1 by `tasks`: to move the one thread there is, Linux need not wait until nobody
    forks or exits, about 10 ms, as it does to move a process (cgroup_procs_write_start)."""
    tasks = os.path.join(group, "tasks")
    with open(tasks if os.path.exists(tasks) else os.path.join(group, "cgroup.procs"), "w") as file:
        file.write("0")


def _what_to_start(data: bytes) -> Start:
    if not data:
        # Dismissed.
        os._exit(0)
    return Start(**json.loads(data))


def _detach(output: int) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in _IGNORED_HERE:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.umask(0o077)


def _become(user: tuple[int, int, list[int]]) -> None:
    uid, gid, groups = user
    # Many programs open /dev/stdout, which takes the right to open the pipe behind it.
    os.fchown(1, uid, gid)
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def _prctl(option: int, argument: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(argument), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
