"""
The campaign of tests/fuzz/test_executor_machine.py, in two processes.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
STEPS = 100_000

_CODE = """
import sys, types
tests = sys.modules["tests"] = types.ModuleType("tests")
tests.__path__ = ["tests"]
from tests.fuzz.test_executor_machine import Machine, run_machine
run_machine(int(sys.argv[1]), number=int(sys.argv[2]))
print("steps", Machine.steps)
"""


def test_executor__whoever_does_what_at_length__loses_nothing() -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _CODE, str(STEPS), str(number)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in (1, 2)
    ]
    try:
        outputs = [process.communicate()[0] for process in running]
    finally:
        for process in running:
            process.kill()

    for process, output in zip(running, outputs, strict=True):
        assert process.returncode == 0, output[-3_000:]
        assert int(output.split()[-1]) >= STEPS
