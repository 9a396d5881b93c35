"""
Keepers as processes of their own that are forked from one which has imported and compiled everything: what a life costs
is the keeper's start, and not Python's. They run the command line as anybody's do.

Run as a script it is the nursery: for each line of JSON that it reads it forks a keeper and answers with its process
id, or answers how one has ended.
"""

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

ROOT = Path(__file__).parents[2]

if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))


class Nursery:
    """
    Starts keepers, and knows how they ended.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> int:
        """
        Start a keeper and return its process id.

        Args:
            arguments: Of its command line.
            environment: All of it.
            output: The file that it writes to, whether on standard output or on standard error.
        """
        pid: int = self._ask(arguments=list(arguments), environment=dict(environment), output=str(output))
        return pid

    def code(self, pid: int) -> int | None:
        """Return how a keeper ended, as ``subprocess`` tells it, or None if it has not; once it has, ask no more."""
        code: int | None = self._ask(pid=pid)
        return code

    def _ask(self, **told: Any) -> Any:
        to, back = _pipe(self._process.stdin), _pipe(self._process.stdout)
        to.write(json.dumps(told) + "\n")
        to.flush()
        return json.loads(back.readline())


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Start what starts keepers; none is left afterwards."""
    command = [sys.executable, str(Path(__file__))]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Nursery(process)


def _main() -> None:
    from keeper.__main__ import cli
    from keeper.routes.warm import warm

    warm()
    alive: set[int] = set()
    for line in sys.stdin:
        told = json.loads(line)
        if "pid" in told:
            found, status = os.waitpid(told["pid"], os.WNOHANG)
            alive.discard(found)
            answer = os.waitstatus_to_exitcode(status) if found else None
        else:
            answer = os.fork()
            if answer == 0:
                _live(cli, told)
            alive.add(answer)
        print(json.dumps(answer), flush=True)
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _live(cli: Any, told: Mapping[str, Any]) -> NoReturn:
    """Be a keeper, and nothing else ever."""
    code = 70
    try:
        os.environ.clear()
        os.environ.update(told["environment"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        output = os.open(told["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        cli.main(args=told["arguments"], prog_name="keeper")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001 - whatever it is, it must not go on as a second nursery
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _main()
