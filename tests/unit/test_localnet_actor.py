import threading

from localnet.actor import Actor

#: Nobody listens there, and nobody is asked.
NOWHERE = "http://127.0.0.1:1"


class Digger(Actor):
    """Digs until he is stopping, and puts his spade away then."""

    def __init__(self) -> None:
        super().__init__(NOWHERE, "digger")
        self.digs, self.done = threading.Event(), False

    def _run(self) -> None:
        self.digs.set()
        self._stopping.wait()
        self.done = True


def test_start__acts_beside_whoever_started_him_under_his_name() -> None:
    digger = Digger()
    digger.start()

    assert digger.digs.wait(10)
    assert "digger" in [thread.name for thread in threading.enumerate()]
    assert not digger.done
    digger.stop()


def test_stop__returns_when_what_he_was_about_is_done() -> None:
    digger = Digger()
    digger.start()

    digger.stop()

    assert digger.done
    assert "digger" not in [thread.name for thread in threading.enumerate()]


def test_stop__again_or_never_begun__is_nothing() -> None:
    digger = Digger()

    digger.stop()
    digger.stop()

    assert not digger.done
