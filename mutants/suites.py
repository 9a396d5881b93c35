"""
The executor's own tests, collected once and run in forks.
"""

import gc
import hashlib
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
CONTRACTS = ROOT / "contracts"

#: Of the machine that anybody may drive; its own test takes many more.
MACHINE_STEPS = 500

_WORLD = "tests.executor_world"
#: Whoever deploys anything asks this module.
_CHAIN = "tests.executor_chain"
_FUZZ = ("tests/fuzz/test_plan.py", "tests/fuzz/test_executor_machine.py")


def files() -> list[str]:
    """
    Return the test files, the quickest kind first: all that use the executor's world.
    """
    units = sorted((ROOT / "tests" / "unit").glob("test_executor_*.py"))
    return [str(path.relative_to(ROOT)) for path in units if _WORLD in path.read_text()] + list(_FUZZ)


class Suites:
    """
    A pytest plugin that knows the collected tests and runs some of them.

    Attributes:
        failure: What pytest tells about the test that failed.
    """

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._failed = ""
        self.failure = ""
        self._chain: Any = sys.modules[_CHAIN]
        self.tests = {item.nodeid: item for item in session.items}
        self.by_file: dict[str, list[str]] = {}
        for item in session.items:
            self.by_file.setdefault(item.nodeid.split("::")[0], []).append(item.nodeid)
            _shorten(sys.modules[item.function.__module__])  # type: ignore[attr-defined]
        session.config.pluginmanager.register(self)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self._failed:
            self._failed = report.nodeid
            self.failure = report.longreprtext

    def warm(self) -> None:
        """
        Compile what all forks need: the mocks.
        """
        for mock in sorted((CONTRACTS / "mocks").glob("*.vy")):
            assert self._chain.deployer(f"mocks/{mock.stem}").compiler_data.bytecode_runtime
        gc.freeze()
        gc.disable()

    def compile(self, contracts: Path) -> str:
        """
        Point the tests at a copy of the sources, and return the code that is made of them.

        Raises:
            VyperException: It does not compile.
        """
        import boa

        boa.interpret.set_cache_dir(str(contracts / "cache"))
        self._chain.CONTRACTS = contracts
        deployables = sorted(path.stem for path in contracts.glob("*.vy") if path.stem[0].isupper())
        deployers = [self._chain.deployer(name) for name in deployables]
        assert all(contracts in Path(deployer.filename).parents for deployer in deployers), "compiled too early"
        return "".join(deployer.compiler_data.bytecode.hex() for deployer in deployers)

    def run(self, names: Sequence[str]) -> str:
        """
        Run tests until one fails, and return its name.
        """
        gc.enable()
        items = [self.tests[name] for name in names]
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._failed:
                break
        return self._failed

    def digest(self) -> str:
        """
        Return the hash of all that the tests' verdict depends on, besides the executor's sources.
        """
        loaded = {Path(file) for module in sys.modules.values() if (file := getattr(module, "__file__", None))}
        ours = {path for path in loaded if any(ROOT / name in path.parents for name in ("tests", "keeper"))}
        helpers = {*(CONTRACTS / "mocks").glob("*.vy"), *CONTRACTS.rglob("*.vyi"), ROOT / "conftest.py"}
        digest = hashlib.sha256(f"{version('vyper')} {version('titanoboa')} {MACHINE_STEPS}".encode())
        for path in sorted(ours | helpers):
            digest.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
        return digest.hexdigest()


def _shorten(module: Any) -> None:
    """Let the machine take a few steps, and not complain of it."""
    if getattr(module, "STEPS", MACHINE_STEPS) == MACHINE_STEPS:
        return
    run_machine = module.run_machine

    def run_shortly(*arguments: Any, **options: Any) -> None:
        with suppress(module.HardlyTestedError):
            run_machine(*arguments, **options)

    module.STEPS, module.run_machine = MACHINE_STEPS, run_shortly
