"""
Make the pinned anvil and vyper visible to Ape and to the tests without anything being activated.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent
os.environ["PATH"] = os.pathsep.join(
    [str(ROOT / "node_modules" / ".bin"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
)
# Only read when a network that needs it is chosen; Ape refuses an unset variable even then.
os.environ.setdefault("ARBITRUM_RPC_URL", "http://127.0.0.1:8545")
