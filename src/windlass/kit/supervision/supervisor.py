"""The program that supervises one process: `python -I -S supervisor.py DIRECTORY`.

With `--lock DESCRIPTOR` it goes to the background and goes on holding the directory's lock, which
it inherited as that descriptor; without, it takes the lock itself and stays in the foreground.
Exits 1 where the directory has a supervisor already, or was started once and is never restarted.
"""

import os
import sys


def main(arguments: list[str]) -> int:
    """Supervise; return the exit status."""
    path = os.path.abspath(arguments[0])
    inherited = int(arguments[2]) if len(arguments) == 3 else None
    if inherited is not None:
        _go_to_background(inherited)
    # After the fork, so that the launcher waits for nothing but the interpreter's start. At the end
    # of the path, so that nothing that lies beside the package hides the standard library.
    sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3)))
    from windlass.kit.supervision.program.directory import Directory
    from windlass.kit.supervision.program.supervise import Supervisor

    directory = Directory(path)
    lock = inherited if inherited is not None else directory.take_lock()
    if lock is None:
        print(f"{path} has a supervisor already", file=sys.stderr)
        return 1
    supervisor = Supervisor(directory, lock)
    if directory.was_started() and not supervisor.restarts:
        print(f"{path} was started once, and is never restarted", file=sys.stderr)
        return 1
    supervisor.supervise()
    return 0


def _go_to_background(lock: int) -> None:
    os.set_inheritable(lock, False)
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
