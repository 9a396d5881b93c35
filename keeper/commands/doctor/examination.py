"""
The whole examination, from the nodes to the disk.
"""

from collections.abc import Sequence
from pathlib import Path

from keeper.chain.answers import fields, to_hash
from keeper.chain.endpoint import Endpoint
from keeper.chain.follower import Follower
from keeper.chain.rpc import Rpc
from keeper.commands.doctor.executor import Examiner as ExecutorExaminer
from keeper.commands.doctor.facts import Examiner as FactsExaminer
from keeper.commands.doctor.finding import Finding, Verdict, fail, gathered, ok
from keeper.commands.doctor.machine import look_at_keystore, look_at_machine
from keeper.commands.doctor.nodes import look_at_heads, look_at_node, look_at_receivers
from keeper.config import ChainFacts, Settings
from keeper.errors import KeeperError
from keeper.registry import Rules, traded
from keeper.types import Address, Hash


async def examine(
    settings: Settings,
    facts: ChainFacts,
    keystores: Sequence[Path] = (),
    operators: Sequence[Address] = (),
    config: Path | None = None,
    requests: int = 9,
) -> list[Finding]:
    """
    Return everything that was found, in the order in which it is to be mended.

    Args:
        keystores: Operators' key files; they are looked at, not opened.
        operators: Others whose keys will be used.
        requests: By how many a node's speed is measured.
    """
    findings = [_settings(settings, facts)]
    well: list[str] = []
    for number, url in enumerate(settings.nodes, 1):
        async with Endpoint(url) as ask:
            name = f"node {number}"
            told = await gathered(name, look_at_node(ask, name, settings, facts, requests))
        findings += told
        if told[0].verdict is Verdict.OK:
            well.append(url)
    if settings.ws_url is not None:
        findings += await gathered("websocket", look_at_heads(settings.ws_url.get_secret_value(), facts))
    findings += await gathered("receivers", look_at_receivers(settings))
    keys = [*map(Address, settings.signer_addresses), *operators]
    for path in keystores:
        finding, address = look_at_keystore(path, f"keystore {path.name}")
        findings.append(finding)
        keys += [address] if address is not None else []
    if settings.funder_keystore is not None:
        findings.append(look_at_keystore(settings.funder_keystore, "funder keystore")[0])
    genesis_hash = None
    if well:
        on_chain, genesis_hash = await _on_chain(well[0], settings, facts, keys)
        findings += on_chain
    else:
        words = "no node could be asked about contracts and roles"
        findings.append(fail("chain", words, "mend rpc_url first, then run this again"))
    return findings + await gathered("machine", look_at_machine(settings, facts, genesis_hash, config))


def _settings(settings: Settings, facts: ChainFacts) -> Finding:
    """What the settings name must exist; their types were checked when they were read."""
    try:
        on = traded(facts, settings)[0].dexes
        Rules.of(settings, facts)
    except KeeperError as error:
        return fail("settings", str(error), "correct it in the settings file or the environment")
    if not on:
        return fail("settings", "every DEX is switched off", "leave some out of dexes_off")
    mode = "dry run" if settings.dry_run else "live"
    return ok("settings", f"{facts.name}, {mode}, {len(on)} of {len(facts.dexes)} DEXes are traded")


async def _on_chain(
    url: str, settings: Settings, facts: ChainFacts, keys: Sequence[Address]
) -> tuple[list[Finding], Hash | None]:
    async with Rpc(url) as rpc:
        try:
            head = await Follower(rpc, []).start()
            genesis = await rpc("eth_getBlockByNumber", "0x0", False)
            genesis_hash = to_hash(fields(genesis, "block 0").get("hash"), "hash of block 0") if genesis else None
            off = traded(facts, settings)[1].keys()
        except KeeperError as error:
            return [fail("chain", str(error), "mend this first")], None
        findings = await gathered("facts", FactsExaminer(rpc, facts, settings.chain, off, head.hash).look())
        keys = list(dict.fromkeys(keys))
        findings += await gathered("executor", ExecutorExaminer(rpc, settings, facts, head, keys).look())
        return findings, genesis_hash
