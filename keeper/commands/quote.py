"""
``keeper quote``: what a route gives, exactly, and what it would cost.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal, DecimalException, localcontext
from pathlib import Path
from typing import Any

import click

from keeper.commands.outlook import Outlook, look_out
from keeper.config import Settings, load_settings
from keeper.errors import ConfigError, KeeperError, SwapReverts
from keeper.gas import Outlay, l1_units, program_gas
from keeper.monitor.logs import configure_logs
from keeper.monitor.table import shown
from keeper.opportunity import shape_of
from keeper.redaction import redact
from keeper.routes.graph import Edge
from keeper.routes.sizing import Sized, size
from keeper.texts import to_address
from keeper.types import Address, Token

_ETH = 10**18

#: The contracts count in words of 256 bits: 78 digits, of which none is rounded away.
_WORD, _DIGITS = 2**256, 200


@click.command()
@click.argument("token")
@click.argument("amount")
@click.argument("pools", nargs=-1, required=True)
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (TOML).")
@click.option("--rpc-url", help="HTTP endpoint of a node; better in KEEPER_RPC_URL, which ps does not show.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where the scan for pools is kept.")
@click.option("--json", "as_data", is_flag=True, help="The quote as JSON.")
def quote(token: str, amount: str, pools: tuple[str, ...], config: Path | None, as_data: bool, **given: Any) -> None:
    """
    Quote AMOUNT of TOKEN through POOLS, hop by hop, to the wei; of a cycle also the best amount, and how it is funded.

    A pool of more than two tokens is given as POOL:TOKEN, with what is bought there.
    """
    configure_logs("error")
    try:
        told = asyncio.run(_quote(load_settings(config, **given), token, amount, pools))
    except KeeperError as error:
        raise click.ClickException(redact(str(error))) from None
    click.echo(json.dumps(told, indent=2) if as_data else "\n".join(_lines(told)))


async def _quote(settings: Settings, name: str, amount: str, pools: Sequence[str]) -> dict[str, Any]:
    # Who asks for a pool by its address wants to know, however little it holds.
    async with look_out(settings.model_copy(update={"min_liquidity_wei": 0})) as outlook:
        token = outlook.token(name)
        edges = _edges(outlook, token.address, pools)
        amount_in = _units(amount, token)
        told: dict[str, Any] = {"block": outlook.block.number, "token": token.symbol}
        told["hops"], amounts = _hops(outlook, edges, amount_in)
        if edges[-1].token_out != token.address:
            return told
        told["asked"] = _priced(outlook, Sized(edges, amounts), token)
        best = size(edges, [outlook.scene.market.pool(edge.pool) for edge in edges])
        told["best"] = _priced(outlook, best, token) if best is not None else None
        return told


def _units(amount: str, token: Token) -> int:
    """An amount as people write it, in smallest units."""
    try:
        with localcontext(prec=_DIGITS):
            units = Decimal(amount).scaleb(token.decimals)
            whole = units.is_finite() and 0 < units < _WORD and units == units.to_integral_value()
    except DecimalException:
        raise ConfigError(f"{amount!r} is not an amount") from None
    if not whole:
        words = f"more than nothing, of {token.decimals} decimals, and what a contract can count"
        raise ConfigError(f"{amount} {token.symbol} is not an amount: {words}")
    return int(units)


def _edges(outlook: Outlook, token_in: Address, pools: Sequence[str]) -> tuple[Edge, ...]:
    edges: list[Edge] = []
    start = token_in
    for place, given in enumerate(pools):
        text, _, named = given.partition(":")
        try:
            address = Address(to_address(text))
        except ValueError as error:
            raise ConfigError(f"pool: {error}") from None
        info = outlook.scene.market.infos.get(address)
        if info is None or outlook.scene.market.peek(address) is None:
            raise ConfigError(f"{address} is not a pool that is followed: of no DEX that is on, or of unknown tokens")
        if token_in not in info.tokens:
            raise ConfigError(f"pool {address} does not trade {outlook.symbol(token_in)}")
        others = [token for token in info.tokens if token != token_in]
        if named:
            token_out = outlook.token(named).address
            if token_out not in others:
                raise ConfigError(f"pool {address} does not give {named} for {outlook.symbol(token_in)}")
        elif len(others) == 1:
            token_out = others[0]
        elif place == len(pools) - 1 and start in others:
            token_out = start
        else:
            known = ", ".join(map(outlook.symbol, others))
            raise ConfigError(f"pool {address} gives {known}: say which, as {address}:TOKEN")
        edges.append(Edge(address, token_in, token_out))
        token_in = token_out
    return tuple(edges)


def _hops(outlook: Outlook, edges: Sequence[Edge], amount_in: int) -> tuple[list[dict[str, Any]], tuple[int, ...]]:
    hops: list[dict[str, Any]] = []
    amounts = [amount_in]
    tokens = outlook.facts.token_by_address
    for edge in edges:
        pool = outlook.scene.market.pool(edge.pool)
        try:
            amounts.append(pool.amount_out(edge.token_in, edge.token_out, amounts[-1]))
        except SwapReverts as error:
            raise ConfigError(f"hop {len(hops) + 1} would revert: {error}") from None
        rate, given, got = pool.rate(edge.token_in, edge.token_out), amounts[-2], amounts[-1]
        hops.append(
            {
                "dex": pool.info.dex,
                "pool": edge.pool,
                "token_in": tokens[edge.token_in].symbol,
                "token_out": tokens[edge.token_out].symbol,
                "amount_in": str(given),
                "amount_out": str(got),
                "amount_in_shown": shown(given, tokens[edge.token_in].decimals),
                "amount_out_shown": shown(got, tokens[edge.token_out].decimals),
                # How much worse than the price of the first unit; it decides nothing, so a float will do.
                "impact": max(1 - got / (given * rate), 0.0) if given and rate else 0.0,
            }
        )
    return hops, tuple(amounts)


def _priced(outlook: Outlook, route: Sized, token: Token) -> dict[str, Any]:
    """What a cycle gains with each way to fund it, the one that leaves most first."""
    scene = outlook.scene
    valuation = scene.valuation()
    fundings = []
    for offer in scene.offers(route):
        gain = route.gain - offer.loan_fee(route.amounts[0])
        shapes = [shape_of(scene, route, offer)]
        gas = program_gas(shapes)
        outlay = Outlay.of(gas, l1_units(shapes) * scene.prices.l1_wei_per_unit, scene.prices)
        worth = valuation.in_eth(token.address, abs(gain))
        net = None if worth is None else (worth if gain > 0 else -worth) - outlay.total_wei
        fundings.append(
            {
                "lender": offer.lender,
                "pool": offer.pool.address if offer.pool is not None else None,
                "loan_fee": str(offer.loan_fee(route.amounts[0])),
                "gain": str(gain),
                "gain_shown": shown(gain, token.decimals),
                "gas": gas,
                "l2_wei": str(outlay.l2_wei),
                "l1_wei": str(outlay.l1_wei),
                "bid_wei": str(outlay.bid_wei),
                "net_wei": None if net is None else str(net),
            }
        )
    fundings.sort(key=lambda funding: -int(funding["net_wei"]) if funding["net_wei"] is not None else 0)
    return {
        "amount_in": str(route.amounts[0]),
        "amount_in_shown": shown(route.amounts[0], token.decimals),
        "amounts": [str(amount) for amount in route.amounts],
        "gain": str(route.gain),
        "gain_shown": shown(route.gain, token.decimals),
        "fundings": fundings,
    }


def _lines(told: dict[str, Any]) -> Iterator[str]:
    yield f"as of block {told['block']:,}"
    for number, hop in enumerate(told["hops"], 1):
        yield (
            f"{number}. {hop['dex']} {hop['pool']}: {hop['amount_in_shown']} {hop['token_in']} gives "
            f"{hop['amount_out_shown']} {hop['token_out']}, {hop['impact']:.4%} below the price"
        )
    if "asked" not in told:
        return
    yield from _cycle("this amount", told["asked"], told["token"])
    if told["best"] is None:
        yield "no amount gains anything"
    else:
        yield from _cycle("the best amount", told["best"], told["token"])


def _cycle(what: str, priced: dict[str, Any], symbol: str) -> Iterator[str]:
    yield f"{what}, {priced['amount_in_shown']} {symbol}, gains {priced['gain_shown']} {symbol} before loan and gas"
    if not priced["fundings"]:
        yield "   nobody can fund it"
    for place, funding in enumerate(priced["fundings"]):
        cost = sum(int(funding[part]) for part in ("l2_wei", "l1_wei", "bid_wei")) / _ETH
        net = "unknown" if funding["net_wei"] is None else f"{int(funding['net_wei']) / _ETH:.9f} ETH"
        lender = "none, the first pool waits" if funding["lender"] == "none" else funding["lender"]
        chosen = "*" if place == 0 else " "
        yield f" {chosen} funding {lender}: gain {funding['gain_shown']} {symbol}, costs {cost:.9f} ETH, net {net}"
