"""
``ape run keeper``: run the keeper on the localnet, on a fork, or on Arbitrum One.

On the first two the executor is deployed if it is not yet, and a localnet is started if none runs.
"""

import json
import os
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from scripts._network import Network

#: Off in production, each for its reason; of the second the localnet has pools only when asked.
_DEXES_OF_THE_LOCALNET = ("balancer_v2_stable", "balancer_v3_weighted")

ROOT = Path(__file__).resolve().parent.parent
# Nothing has to be activated: the checkout's own anvil and compiler come first.
os.environ["PATH"] = os.pathsep.join(
    [str(ROOT / "node_modules" / ".bin"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
)


@click.command(short_help="Run the keeper")
@click.option("--network", help="An Ape network, such as arbitrum:mainnet:node; default: the localnet.")
@click.option(
    "--account", "aliases", multiple=True, help="Operators' Ape accounts; default, on a rehearsal: anvil's 1."
)
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings file (TOML).")
@click.option("--ws-url", help="WebSocket endpoint of the node; better in KEEPER_WS_URL, which ps does not show.")
@click.option("--state-dir", type=click.Path(path_type=Path, file_okay=False), help="Journal and deployment record.")
@click.option("--blocks", type=click.IntRange(min=0), help="Stop after so many blocks.")
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Write the run's numbers there as JSON."
)
@click.option("--dry-run/--live", default=None, help="Do everything but send.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="warning")
@click.option("--json-logs", is_flag=True, help="One JSON object a log line.")
def cli(
    network: str | None,
    aliases: tuple[str, ...],
    config: Path | None,
    report: Path | None,
    log_level: str,
    json_logs: bool,
    **given: Any,
) -> None:
    """
    Run the keeper until its blocks have passed, or Ctrl-C.
    """
    # Ape imports every script at every run, and drops the checkout from the path again: imports wait until here.
    sys.path.insert(0, str(ROOT))
    from keeper.config import load_settings
    from keeper.errors import KeeperError
    from keeper.monitor.logs import configure_logs
    from keeper.process import run_keeper
    from keeper.redaction import redact
    from localnet.errors import LocalnetError
    from scripts._network import OPERATOR, account, connect_with_blocks

    configure_logs(log_level, json_logs)
    try:
        with connect_with_blocks(network) as found:
            operators = [account(alias, found, OPERATOR) for alias in aliases or (None,)]
            given["rpc_url"] = found.url
            given["ws_url"] = given["ws_url"] or found.ws_url
            given["state_dir"] = given["state_dir"] or _state_dir(found, operators[0])
            if found.label == "localnet":
                # What it deploys is traded there, whatever production waits for; the environment may say otherwise.
                os.environ.setdefault("KEEPER_DEXES_ON", json.dumps(_DEXES_OF_THE_LOCALNET))
            code = run_keeper(load_settings(config, **given), operators, report)
    except (KeeperError, LocalnetError) as error:
        raise click.ClickException(redact(str(error))) from None
    sys.exit(code)


def _state_dir(network: "Network", operator: "LocalAccount") -> Path:
    """
    The directory of the chain that the network is; on a rehearsal the executor is deployed there if it is not yet.
    """
    from keeper.config import load_chain
    from localnet.rpc import Rpc
    from scripts._deployment import default_record, deploy, rehearsal_roles
    from scripts._network import OWNER, public_account

    rpc = Rpc(network.url)
    record = default_record(rpc, network.label)
    rpc.close()
    if network.is_fork:
        # A fork ends with its run, and its journal with it; the next fork of the same chain begins anew.
        record.parent.mkdir(parents=True, exist_ok=True)
        record = Path(mkdtemp(prefix="run-", dir=record.parent)) / record.name
    if network.rehearsal and not record.is_file():
        facts = load_chain("arbitrum")
        profit_tokens = tuple(facts.token(symbol) for symbol in facts.profit_tokens)
        owner = public_account(OWNER).address
        roles = rehearsal_roles(operator.address, public_account(9).address, profit_tokens, owner)
        deploy(network.url, operator, roles, network.label, record)
    return record.parent
