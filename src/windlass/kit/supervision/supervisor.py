"""The program that supervises one process: `python -I -S supervisor.py DIRECTORY`.

With `--lock DESCRIPTOR` it goes to the background and goes on holding the directory's lock, which
it inherited as that descriptor; without, it takes the lock itself and stays in the foreground.
`supervisor.py --fork-server DESCRIPTOR …` forks into the background for each directory that it is
told on that socket; what follows makes room for what `ps` shows of those.
Exits 1 where the directory has a supervisor already, or was started once and is never restarted.
"""

import os
import sys

TYPE_CHECKING = False
"""As in `typing`, which would cost memory."""
if TYPE_CHECKING:
    from windlass.kit.supervision.program.child import Child


def main(arguments: list[str]) -> int:
    """Supervise; return the exit status."""
    if arguments[0] == "--fork-server":
        return _serve_forks(int(arguments[1]))
    path = os.path.abspath(arguments[0])
    inherited = int(arguments[2]) if len(arguments) == 3 else None
    if inherited is not None:
        _go_to_background(inherited)
    # After the fork, so that the launcher waits for nothing but the interpreter's start.
    _find_package()
    from windlass.kit.supervision.program import child
    from windlass.kit.supervision.program.directory import Directory

    child.forget_inherited_signals()
    directory = Directory(path)
    lock = inherited if inherited is not None else directory.take_lock()
    if lock is None:
        print(f"{path} has a supervisor already", file=sys.stderr)
        return 1
    return _supervise(path, lock)


def _supervise(path: str, lock: int, forked: "Child | None" = None) -> int:
    from windlass.kit.supervision.program.directory import Directory
    from windlass.kit.supervision.program.supervise import Supervisor

    directory = Directory(path)
    supervisor = Supervisor(directory, lock, forked)
    if directory.was_started() and not supervisor.restarts:
        print(f"{path} was started once, and is never restarted", file=sys.stderr)
        return 1
    supervisor.supervise()
    return 0


def _serve_forks(descriptor: int) -> int:
    os.set_inheritable(descriptor, False)
    os.chdir("/")
    _find_package()
    # Loaded before it is needed: that is what the server is for.
    from windlass.kit.supervision.program import child, forking, supervise  # noqa: F401

    child.forget_inherited_signals()
    told = forking.serve_forks(descriptor)
    if told is None:
        return 0
    arguments = [__file__, told.path, "--lock", str(told.lock)]
    forking.show_arguments([*sys.orig_argv[: -len(sys.argv)], *arguments])
    return _supervise(told.path, told.lock, told.forked)


def _find_package() -> None:
    """At the end of the path, so that nothing that lies beside the package hides the standard
    library."""
    sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3)))


def _go_to_background(descriptor: int) -> None:
    os.set_inheritable(descriptor, False)
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
