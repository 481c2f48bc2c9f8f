"""Starts the process that is supervised, in a session, cgroups and user of its own."""

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38

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


def become_subreaper() -> None:
    """Make orphaned descendants children of this process, so that none gets away.

    Raises OSError when the kernel refuses.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def start(what: Start, output: int) -> int:
    """Start the process with `output` as its standard output and error; return its PID.

    It gets SIGKILL when this process dies. Raises StartFailed.
    """
    read_end, write_end = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _run_child(what, output, parent, write_end)
    os.close(write_end)
    with open(read_end, "rb") as pipe:
        # Ends when the program is executed, because that closes the other end.
        failure = pipe.read()
    if not failure:
        return pid
    os.waitpid(pid, 0)
    raise StartFailed(failure.decode(errors="replace"))


def _run_child(what: Start, output: int, parent: int, failure: int) -> None:
    step = "could not prepare the process"
    try:
        _detach(output)
        step = "could not join its cgroups"
        for group in what.control_groups:
            with open(os.path.join(group, "cgroup.procs"), "w") as file:
                file.write("0")
        if what.user is not None:
            step = f"could not change to user {what.user[0]}"
            _become(what.user)
        step = f"could not enter the working directory {what.working_directory}"
        os.chdir(what.working_directory)
        step = "could not tie the process to its supervisor"
        # After the change of user, which would reset it.
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(127)
        step = f"could not execute {what.program}"
        os.execve(what.program, what.argv, what.environment)
    except OSError as error:
        os.write(failure, f"{step}: {error.strerror}".encode())
    except (ValueError, TypeError) as error:
        os.write(failure, f"{step}: {error}".encode())
    finally:
        os._exit(127)


def _detach(output: int) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
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
