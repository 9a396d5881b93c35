"""
The campaign of tests/fuzz/test_executor_machine.py.
"""

from tests.fuzz.test_executor_machine import run_machine


def test_executor__whoever_does_what_at_length__loses_nothing() -> None:
    run_machine(40_000, derandomize=True)
