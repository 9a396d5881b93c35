"""
What the figures depend on beside the code.
"""

import os
import platform
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """
    Return the processor, its cores, how busy they are (one minute's load), and the interpreter.
    """
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line for line in lines if line.startswith("model name")]
    return {
        "processor": models[0].partition(":")[2].strip() if models else platform.processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
    }
