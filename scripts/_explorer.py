"""
Shows the executor's sources to the chain's explorer, so that people can read what they see there.

Etherscan's API takes the compiler's standard JSON input. Ape's Etherscan plugin cannot send it: it looks for the
constructor's arguments in a transaction to the executor, where an executor made by CREATE2 has none.
"""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts._build import COMPILER, constructor_arguments, standard_json
from scripts._roles import DeploymentError, Roles

KEY_VARIABLE = "ETHERSCAN_API_KEY"

_REQUEST_SECONDS = 30
_ATTEMPTS = 20
_CONTRACT = "contracts/Executor.vy:Executor"


def write_input(record: Path, roles: Roles) -> Path:
    """
    Write what an explorer asks for beside the deployment record, and return its path.
    """
    found = standard_json()
    path = record.with_name("verification.json")
    form = {
        "compiler": f"vyper:{COMPILER}",
        "contract": _CONTRACT,
        "constructor_arguments": constructor_arguments(roles).hex(),
        "standard_json": {key: found[key] for key in ("language", "sources", "settings")},
    }
    path.write_text(json.dumps(form, indent=2) + "\n")
    return path


def submit(verifier: str, api_key: str, chain_id: int, executor: str, form: Path, pause_seconds: float = 3.0) -> str:
    """
    Send the file of ``write_input`` to an API like Etherscan's, and return what it says in the end.

    Raises:
        DeploymentError: It cannot be reached, or refuses.
    """
    asked = json.loads(form.read_text())
    sources = {
        "codeformat": "vyper-json",
        "sourceCode": json.dumps(asked["standard_json"]),
        "contractaddress": executor,
        "contractname": asked["contract"],
        "compilerversion": asked["compiler"],
        "optimizationUsed": "1",
        # The API's documents spell it in both ways.
        "constructorArguments": asked["constructor_arguments"],
        "constructorArguements": asked["constructor_arguments"],
    }
    common = {"module": "contract", "apikey": api_key}
    url = f"{verifier}?{urllib.parse.urlencode({'chainid': chain_id})}"
    sent = _post(url, {**common, "action": "verifysourcecode", **sources})
    if sent.get("status") != "1":
        return _final(str(sent.get("result")))
    for _ in range(_ATTEMPTS):
        time.sleep(pause_seconds)
        told = str(_post(url, {**common, "action": "checkverifystatus", "guid": str(sent["result"])}).get("result"))
        if not told.startswith("Pending"):
            return _final(told)
    raise DeploymentError(f"the explorer has not verified {executor} yet: look there later")


def _final(told: str) -> str:
    if told.startswith("Pass") or "already verified" in told.lower():
        return told
    raise DeploymentError(f"the explorer does not verify the executor: {told}")


def _post(url: str, form: Mapping[str, str]) -> dict[str, Any]:
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode())  # noqa: S310 - the owner's own setting
    try:
        with urllib.request.urlopen(request, timeout=_REQUEST_SECONDS) as answer:  # noqa: S310
            found = json.load(answer)
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else type(error).__name__
        raise DeploymentError(f"the explorer's API does not answer: {reason}") from None
    if not isinstance(found, dict):
        raise DeploymentError("the explorer's API does not answer as Etherscan's does")
    return found
