"""
A keeper that could start, and all that may be amiss with it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keeper.commands.doctor.examination import examine
from keeper.commands.doctor.finding import Finding, Verdict
from keeper.config import ChainFacts, Settings, load_chain, load_settings
from keeper.types import Address
from localnet import Localnet, accounts
from scripts._owner import Desk, at_executor
from tests.keeper_process import KeeperProcess

FACTS = load_chain("arbitrum")
OWNER, STRANGER = accounts.public(0), accounts.public(5)
NOBODY = Address("0x" + "12" * 20)


@dataclass(frozen=True, slots=True)
class Place:
    """
    A keeper that could start, on a localnet; what its doctor says, and what its owner does.
    """

    net: Localnet
    keeper: KeeperProcess

    @property
    def record(self) -> Path:
        return self.keeper.state_dir / "deployment.json"

    @property
    def executor(self) -> str:
        return str(json.loads(self.record.read_text())["executor"])

    def settings(self, **changed: Any) -> Settings:
        given = {"rpc_url": self.net.url, "ws_url": self.net.ws_url, "state_dir": self.keeper.state_dir}
        return load_settings(**(given | {"min_disk_bytes": 0, "hard_stale_head_seconds": 600.0} | changed))

    async def findings(
        self, facts: ChainFacts = FACTS, keystores: tuple[Path, ...] = (), operator: str = "", **changed: Any
    ) -> list[Finding]:
        operators = [Address(operator)] if operator else []
        return await examine(self.settings(**changed), facts, keystores, operators, requests=1)

    def altered(self, directory: Path, **fields: object) -> Path:
        """A state directory whose record says something else."""
        record = json.loads(self.record.read_text()) | fields
        (directory / "deployment.json").write_text(json.dumps(record))
        return directory

    def owner(self, act: Callable[[Desk], str], account: Any = OWNER) -> str:
        """Do what the owner's scripts do."""
        return at_executor(self.net.url, "localnet", account, self.record, FACTS, act)


def failed(findings: list[Finding]) -> dict[str, Finding]:
    """What is to be mended, by check; each says what to do."""
    found = {one.check: one for one in findings if one.verdict is Verdict.FAIL}
    assert all(one.found and one.advice for one in found.values())
    return found


def the_only(findings: list[Finding], check: str) -> Finding:
    """What is to be mended: one thing."""
    found = failed(findings)
    assert list(found) == [check]
    return found[check]


def with_dex(name: str, **changed: Any) -> ChainFacts:
    """The chain's facts, but for one DEX."""
    dexes = [dex.model_copy(update=changed) if dex.name == name else dex for dex in FACTS.dexes]
    return FACTS.with_dexes(dexes)
