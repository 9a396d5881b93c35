"""
The soak, for two minutes.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_soak__two_minutes_of_random_faults__keeper_comes_back_each_time() -> None:
    command = [sys.executable, "-m", "soak", "--minutes", "2", "--seed", "7"]

    ran = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=900)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    summary = json.loads(ran.stdout.splitlines()[-1])
    assert summary["soak"] == "passed"
    assert summary["troubles"] >= 8
    assert summary["journal_equals_chain"]
    assert summary["transactions"]["final"] > 0
