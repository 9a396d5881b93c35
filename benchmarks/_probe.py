"""
Where the time of a piece of work went, by stage: each stage's own, without that of the stages within it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Stage:
    """A stretch of work, of which stages within it take their part."""

    def __init__(self, probe: "Probe", name: str) -> None:
        self._probe = probe
        self._name = name
        self._began = self._within = 0.0

    def __enter__(self) -> None:
        self._probe.open.append(self)
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        took = time.perf_counter() - self._began
        probe = self._probe
        probe.open.pop()
        probe.seconds[self._name] = probe.seconds.get(self._name, 0.0) + took - self._within
        if probe.open:
            probe.open[-1]._within += took

    def begin_anew(self) -> None:
        """Let what was until now not count."""
        self._began, self._within = time.perf_counter(), 0.0


class Probe:
    """
    Attributes:
        seconds: Of each stage since the last ``take``.
        open: The stages that have begun, the outermost first.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.open: list[Stage] = []

    def stage(self, name: str) -> Stage:
        return Stage(self, name)

    def begin_anew(self) -> None:
        """Forget all that was until now, of the stages that have begun, too."""
        self.seconds = {}
        for stage in self.open:
            stage.begin_anew()

    def take(self) -> dict[str, float]:
        """Return the seconds of each stage, and begin anew."""
        taken, self.seconds = self.seconds, {}
        return taken

    @contextmanager
    def watching(self, owner: Any, function: str, name: str) -> Iterator[None]:
        """Have every call of a module's or a class's *function* be a stage."""
        plain = getattr(owner, function)
        setattr(owner, function, self._timed(plain, name))
        try:
            yield
        finally:
            setattr(owner, function, plain)

    def _timed(self, plain: Callable[..., Any], name: str) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.stage(name):
                return plain(*args, **kwargs)

        return timed
