"""
Where things are: the checkout, its cache, and the programs it brings.
"""

import os
import shutil
import sys
from pathlib import Path

from localnet.errors import LocalnetError

PACKAGE = Path(__file__).parent
ROOT = PACKAGE.parent
CACHE = ROOT / ".cache" / "localnet"
STATE_FILE = ROOT / "var" / "localnet.json"

#: The checkout's own tools come first, so that nothing has to be activated.
SEARCH = os.pathsep.join(
    [str(ROOT / "node_modules" / ".bin"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
)


def program(name: str, remedy: str) -> str:
    """
    Return the path of the program *name*; *remedy* tells the person what to do when it is absent.
    """
    found = shutil.which(name, path=SEARCH)
    if found is None:
        raise LocalnetError(f"{name} is not installed: {remedy}")
    return found
