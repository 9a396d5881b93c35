"""
What every chain has: Multicall3, Permit2, and Arbitrum's precompiles.
"""

import ast
from importlib.util import find_spec
from pathlib import Path

from localnet import addresses, precompiles
from localnet.errors import ArtifactError
from localnet.site import Site


def place(site: Site) -> None:
    """
    Put up Multicall3, Permit2 and the stand-ins of the precompiles.
    """
    site.chain.put(addresses.MULTICALL3, _multicall3())
    site.place(addresses.PERMIT2, "Permit2")
    precompiles.place(site.chain.rpc, precompiles.VISIBLE)


def _multicall3() -> bytes:
    """
    Return Multicall3's runtime code out of eth-ape, read as data: importing Ape would take as long as the whole build.
    """
    package = find_spec("ape_ethereum")
    if package is None or package.origin is None:
        raise ArtifactError("eth-ape is not installed, and it carries the code of Multicall3: run make setup")
    source = (Path(package.origin).parent / "multicall" / "constants.py").read_text()
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and "MULTICALL3_CODE" in ast.unparse(node.targets[0])
        ):
            return bytes.fromhex(ast.literal_eval(node.value.args[0]).removeprefix("0x"))
    raise ArtifactError("this eth-ape does not carry the code of Multicall3")
