"""
The plainest seat: a switch in memory.
"""

from keeper.monitor.dashboard.seat import HALTED, LIVE, STARTING, Standing

_STATES = (STARTING, "DRY_RUN", LIVE, "DEGRADED", HALTED)


class Switch:
    """
    Starting until it is told otherwise; then live, or dry, unless something paused or halted it.
    """

    def __init__(self, dry_run: bool = False) -> None:
        self._dry_run = dry_run
        self._started = False
        self._halted = ""
        self._pauses: dict[str, str] = {}

    def begin(self) -> None:
        """
        Note that all that trading needs is there.
        """
        self._started = True

    @property
    def may_send(self) -> bool:
        """Whether the keeper may trade now; in a dry run it goes as far as to the signature."""
        return self._started and not self._halted and not self._pauses

    def status(self) -> Standing:
        """How the keeper stands."""
        if self._halted:
            return Standing(HALTED, False, {"halt": self._halted})
        if not self._started:
            return Standing(STARTING, False, {"start": "kernels, pools and nonces are being read"})
        if self._pauses:
            return Standing("DEGRADED", False, dict(self._pauses))
        return Standing("DRY_RUN", False) if self._dry_run else Standing(LIVE, True)

    def pause(self, name: str, reason: str) -> None:
        """Trade no more until *name* is resumed."""
        self._pauses[name] = reason

    def resume(self, name: str) -> None:
        """Take back the pause of this name, if there is one."""
        self._pauses.pop(name, None)

    def halt(self, reason: str) -> None:
        """Trade no more in this run."""
        self._halted = reason

    def metrics(self) -> bytes:
        """The state, one sample for each, 1 for the one that holds."""
        state = self.status().state
        lines = ["# TYPE arb_state gauge", *(f'arb_state{{state="{name}"}} {int(name == state)}' for name in _STATES)]
        return ("\n".join(lines) + "\n").encode()
