"""
What people set: the facts of a chain (data that ships with the keeper) and the operator's settings.

Both are read from TOML; settings may also come from the environment (``KEEPER_...``) and the command line, the latter
winning. An unknown key is an error: a misspelt limit must not silently be no limit.
"""

import os
import re
import tomllib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from keeper.errors import ConfigError
from keeper.redaction import redact
from keeper.texts import AddressText, HttpUrl, PostgresUrl, WsUrl
from keeper.types import ZERO_ADDRESS, Address, Token

DEPLOYMENTS = Path(__file__).parent / "deployments"

#: What nobody means to pay for a unit of L2 gas or of L1 data, and the least profit that nobody means to wait for.
MOST_GAS_PRICE_WEI, MOST_L1_WEI_PER_UNIT, MOST_PROFIT_WEI = 10**12, 10**15, 10**19

#: Not a setting: it is read once, by whoever opens the key file.
PASSPHRASE_VARIABLE = "KEEPER_PASSPHRASE"  # noqa: S105 - the name of the variable
#: The same for the account that pays for gas.
FUNDER_PASSPHRASE_VARIABLE = "KEEPER_FUNDER_PASSPHRASE"  # noqa: S105 - the same


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TokenFacts(_Strict):
    address: AddressText
    decimals: int = Field(ge=0, le=36)


Family = Literal[
    "uniswap_v2",
    "uniswap_v3",
    "uniswap_v4",
    "camelot_v2",
    "camelot_v3",
    "curve_stableswap",
    "curve_stableswap_ng",
    "curve_cryptoswap",
    "balancer_weighted",
    "balancer_stable",
    "balancer_v3_weighted",
    "balancer_v3_stable",
]


class DexFacts(_Strict):
    """
    A DEX of the chain: all pools of one family that the same contracts made.

    Attributes:
        family: The pool model that its pools follow.
        factory: Who makes its pools, lists them (Curve), or keeps them (Uniswap V4).
        factories: Who makes its pools, where one after the other did (Balancer).
        pools: Pools that no factory lists.
        fee_pips: The fee of every pool, in millionths, where the family has one fee for all.
        fee_tiers: Fee in pips to tick spacing, where pools differ by fee.
        since_block: No pool is older, of DEXes whose logs alone tell of their pools.
        off: Why it is not traded unless the operator says so; empty if it is.
    """

    name: str
    family: Family
    factory: AddressText = ZERO_ADDRESS
    factories: tuple[AddressText, ...] = ()
    pools: tuple[AddressText, ...] = ()
    fee_pips: int = 0
    fee_tiers: dict[int, int] = {}
    since_block: int = 0
    off: str = ""

    @property
    def all_factories(self) -> tuple[str, ...]:
        return self.factories or ((self.factory,) if self.factory != ZERO_ADDRESS else ())

    @property
    def by_vault(self) -> bool:
        """Whether its pools are kept by a Vault, and made by factories that only log them."""
        return self.family.startswith("balancer")

    @property
    def by_lookup(self) -> bool:
        """Whether its factory tells the pool of two tokens."""
        return self.family in ("uniswap_v2", "uniswap_v3", "camelot_v2", "camelot_v3")


LenderName = Literal["balancer_v2", "balancer_v3", "uniswap_v4", "morpho", "aave_v3"]


class LenderFacts(_Strict):
    """
    Attributes:
        fee_pips: In millionths of the loan; Aave's is asked for, and this is what it is expected to be.
    """

    name: LenderName
    address: AddressText
    fee_pips: int = Field(ge=0)


class ChainFacts(_Strict):
    """
    Every address of a chain that the keeper relies on.
    """

    name: str
    chain_id: int
    multicall3: AddressText
    weth: AddressText
    arb_gas_info: AddressText
    arb_owner_public: AddressText
    arb_sys: AddressText
    node_interface: AddressText
    express_lane_auction: AddressText = ZERO_ADDRESS
    profit_tokens: tuple[str, ...]
    tokens: dict[str, TokenFacts]
    dexes: tuple[DexFacts, ...]
    lenders: tuple[LenderFacts, ...]

    @cached_property
    def token_by_address(self) -> dict[Address, Token]:
        return {
            Address(facts.address): Token(Address(facts.address), symbol, facts.decimals)
            for symbol, facts in self.tokens.items()
        }

    @cached_property
    def dex_by_factory(self) -> dict[Address, DexFacts]:
        return {Address(factory): dex for dex in self.dexes for factory in dex.all_factories}

    def with_dexes(self, dexes: Iterable[DexFacts]) -> Self:
        """
        Return the same chain with these DEXes only.
        """
        # Not a copy, which would keep what was derived from the others.
        return type(self)(**{name: getattr(self, name) for name in type(self).model_fields} | {"dexes": tuple(dexes)})

    def token(self, symbol: str) -> Address:
        """
        Return the address of a token by its symbol.

        Raises:
            ConfigError: The chain's list has no such token.
        """
        if symbol not in self.tokens:
            raise ConfigError(f"token {symbol!r} is unknown on {self.name}; known are {', '.join(self.tokens)}")
        return Address(self.tokens[symbol].address)


class EndpointSettings(_Strict):
    """
    Attributes:
        url: Where it is.
        kind: How it takes bytes; ``conditional`` and the bundles' need somebody who offers them.
    """

    url: HttpUrl
    kind: Literal["raw", "sync", "conditional", "express_lane", "bundle", "timeboost_bundle"] = "raw"


class Settings(BaseSettings):
    """
    The operator's settings.

    Attributes:
        rpc_url: HTTP endpoint of a node.
        rpc_urls: More of them, asked in this order where those before give no answer.
        ws_url: WebSocket endpoint of a node; new heads wake the keeper sooner than polling does.
        chain: Name of the chain's facts in keeper/deployments.
        state_dir: Where the journal, the lock and the deployment record live.
        journal_url: PostgreSQL database of the journal, for keepers on several machines; a file in state_dir if it is
            not given.
        journal_lease_seconds: So long a leader may be out of touch with that database; nobody sends for as long when
            another one takes over. Not below deadline_seconds: what a stopped leader sends late has expired then.
        blocks: Stop after so many blocks; 0 runs until told to stop.
        dry_run: Do everything but send.
        max_hops: The longest cycle that is searched.
        max_routes: Of one transaction. Each one more is searched for before anything is sent, which takes about as long
            as for the first; 1 is the quickest.
        max_tried: Routes that are tried beside the best one before it is sent with those that pay; the others are
            looked at after the next block.
        min_route_share: Of what a transaction earns, what one route more has to promise to be tried; those that promise
            less are looked at after the next block.
        profit_tokens: Where a cycle may start and end, the most preferred first; empty takes the chain's list.
        dexes_on: DEXes that are traded though the chain's facts have them off, by name.
        dexes_off: DEXes that are not traded, by name.
        max_pools_per_dex: So many pools of a DEX are looked at; anyone can create any number.
        deny_pools: Pools that are never traded.
        allow_pools: The only pools that are traded; empty for all.
        deny_tokens: Tokens whose pools are never traded, by symbol.
        allow_tokens: The only tokens whose pools are traded; empty for all.
        min_liquidity_wei: Pools that hold less, in ETH, are not followed.
        funding: Ways to fund a route, all that may be used.
        min_profit_wei: The least net profit that is worth sending for, in ETH.
        min_gain_share: The plan's minimum gain as a share of the exact prediction; it never is below break-even.
        max_base_fee_wei: Nothing is sent above this base fee.
        tip_wei: Priority fee per gas, the least that is bid; nothing is bid where the chain does not collect tips.
        bidder: How much is bid beyond that: nothing, a share of each profit, or the share that past races suggest.
        bid_share: Of the profit before the bid, by the bidder ``share``.
        max_bid_share: Of the profit before the bid; bounds ``share`` and ``learned``.
        max_bid_wei: Of a transaction; bounds ``share`` and ``learned``.
        max_l1_wei_per_unit: Nothing is sent above this price of L1 data.
        poll_seconds: How often the node is asked for a new head where no WebSocket tells.
        ttl_seconds: What nothing renews is forgotten after this time: a market without a proved log stream, and state
            that no event announces.
        metadata_ttl_seconds: Fees, ramps, rates and pauses of pools are read again after this time.
        cache_policy: How pools are kept; ``apply`` asks least, ``ttl`` serves old states: it is there to be compared.
        cache_pools: How many pools are kept at most, the busiest.
        resume_blocks: After a restart the market on disk is brought up to date if it missed so many blocks at most,
            else every pool is read anew; with 0 nothing is kept on disk.
        market_file: Where the market is kept from one life to the next; in state_dir if it is not given.
        save_seconds: How often it is written.
        bloom_check: Whether logs are compared with their block's bloom filter; not where a node has none.
        audit_share: Which share of the pools is compared with the chain every minute.
        patience_blocks: A transaction that is in no block after so many is looked for elsewhere.
        deadline_seconds: How long a sent program stays valid on chain.
        endpoints: Where signed bytes are sent besides the node, all at once.
        rebroadcast_blocks: Bytes that no node knows after so many blocks are sent again, to every node and endpoint.
        unknown_seconds: How long after its deadline bytes that may have been taken keep their nonce; the sequencer's
            queue holds them so long.
        pipeline: How many transactions of one key may be in flight.
        signer_url: A JSON-RPC endpoint that signs (``eth_signTransaction``) for the keys in signer_addresses.
        signer_addresses: Operators whose keys the remote signer holds.
        max_loss_hour_wei: Net losses beyond it within an hour halt the keeper.
        max_loss_day_wei: The same within a day.
        max_failed_gas_wei: Gas that was spent within an hour since the last success, beyond which the keeper pauses.
        max_reverts_in_a_row: So many pause the keeper.
        max_revert_share: Of the last 50 transactions.
        max_divergence: How much of the simulated profit may be missing at the median of the last 20 successes.
        cool_seconds: The first pause after failures; each one within a day is twice as long as the one before.
        stale_head_seconds: Nothing is sent where the head is older.
        hard_stale_head_seconds: The same, and a louder alert.
        max_block_lag_seconds: A head whose timestamp is older counts as that old, however lately it came.
        gap_seconds: Nothing is sent where blocks could not be had for so long.
        max_clock_skew_seconds: Nothing is sent while the wall clock is wrong by more.
        ordering_pause_seconds: The pause after a change of how the chain orders transactions.
        max_signer_failures: So many in a row pause the keeper.
        min_disk_bytes: Less room for the journal halts the keeper.
        max_quick_failures: After so many lives in a row that ended within a minute of their start, the next one waits,
            longer each time, up to a minute; 0 for never.
        watch_treasury: Whether a fall of the treasury's balance that nothing explains pauses the keeper.
        slack_url: Slack's incoming webhook for alerts.
        webhook_urls: Where alerts are posted as JSON.
        alert_pause_seconds: Of alerts of one name, what comes within so long of the last one is summed up.
        heartbeat_url: Is asked for every few seconds while the keeper is alive; its silence is the alarm.
        heartbeat_seconds: Between two such requests.
        funder_keystore: Key file of an account that pays for the operator's gas; without one nobody does.
        topup_wei: How much it sends at a time.
        topup_daily_wei: How much it sends within a day at most.
        dashboard_port: Where the dashboard is served, or the next free port; 0 for none.
        dashboard_host: The address that it is served at; whoever reaches it sees everything and needs the token to act.
        dashboard_names: Names beside localhost under which browsers may ask for it; IP addresses always may.
    """

    model_config = SettingsConfigDict(env_prefix="KEEPER_", extra="forbid", frozen=True, allow_inf_nan=False)

    rpc_url: HttpUrl
    rpc_urls: tuple[HttpUrl, ...] = ()
    ws_url: WsUrl | None = None
    chain: str = "arbitrum"
    state_dir: Path = Path("var/keeper")
    journal_url: PostgresUrl | None = None
    journal_lease_seconds: float = Field(default=3.0, ge=0.5, le=60)
    blocks: int = Field(default=0, ge=0)
    dry_run: bool = False
    max_hops: int = Field(default=4, ge=2, le=4)
    max_routes: int = Field(default=8, ge=1, le=8)
    max_tried: int = Field(default=4, ge=1)
    min_route_share: float = Field(default=0.01, ge=0, lt=1)
    profit_tokens: tuple[str, ...] = ()
    dexes_on: tuple[str, ...] = ()
    dexes_off: tuple[str, ...] = ()
    max_pools_per_dex: int = Field(default=2_000, ge=1)
    deny_pools: tuple[AddressText, ...] = ()
    allow_pools: tuple[AddressText, ...] = ()
    deny_tokens: tuple[str, ...] = ()
    allow_tokens: tuple[str, ...] = ()
    min_liquidity_wei: int = Field(default=10**17, ge=0)
    funding: tuple[Literal["none", "uniswap_v3"] | LenderName, ...] = (
        "none",
        "uniswap_v4",
        "balancer_v3",
        "morpho",
        "balancer_v2",
        "uniswap_v3",
        "aave_v3",
    )
    min_profit_wei: int = Field(default=10**13, ge=0, le=MOST_PROFIT_WEI)
    min_gain_share: float = Field(default=0.1, ge=0, le=1)
    max_base_fee_wei: int = Field(default=10 * 10**9, gt=0, le=MOST_GAS_PRICE_WEI)
    tip_wei: int = Field(default=0, ge=0, le=MOST_GAS_PRICE_WEI)
    bidder: Literal["fixed", "share", "learned"] = "learned"
    bid_share: float = Field(default=0.5, ge=0, lt=1)
    max_bid_share: float = Field(default=0.9, ge=0, lt=1)
    max_bid_wei: int = Field(default=5 * 10**16, ge=0)
    max_l1_wei_per_unit: int = Field(default=10**11, gt=0, le=MOST_L1_WEI_PER_UNIT)
    poll_seconds: float = Field(default=0.02, gt=0)
    ttl_seconds: float = Field(default=45.0, gt=0)
    metadata_ttl_seconds: float = Field(default=15.0, gt=0)
    cache_policy: Literal["none", "ttl", "invalidate", "apply"] = "apply"
    cache_pools: int = Field(default=20_000, ge=1)
    resume_blocks: int = Field(default=1_200, ge=0)
    market_file: Path | None = None
    save_seconds: float = Field(default=60.0, gt=0)
    bloom_check: bool = True
    audit_share: float = Field(default=0.01, ge=0, le=1)
    patience_blocks: int = Field(default=40, ge=1)
    deadline_seconds: int = Field(default=3, ge=1, le=3_600)
    endpoints: tuple[EndpointSettings, ...] = ()
    rebroadcast_blocks: int = Field(default=4, ge=1)
    unknown_seconds: int = Field(default=12, ge=0)
    pipeline: int = Field(default=1, ge=1, le=8)
    signer_url: HttpUrl | None = None
    signer_addresses: tuple[AddressText, ...] = ()
    max_loss_hour_wei: int = Field(default=2 * 10**16, gt=0)
    max_loss_day_wei: int = Field(default=5 * 10**16, gt=0)
    max_failed_gas_wei: int = Field(default=5 * 10**15, gt=0)
    max_reverts_in_a_row: int = Field(default=5, ge=1)
    max_revert_share: float = Field(default=0.6, gt=0, le=1)
    max_divergence: float = Field(default=0.2, gt=0)
    cool_seconds: float = Field(default=300.0, gt=0)
    stale_head_seconds: float = Field(default=5.0, gt=0)
    hard_stale_head_seconds: float = Field(default=15.0, gt=0)
    max_block_lag_seconds: float = Field(default=5.0, gt=0)
    gap_seconds: float = Field(default=10.0, gt=0)
    max_clock_skew_seconds: float = Field(default=0.5, gt=0)
    ordering_pause_seconds: float = Field(default=60.0, gt=0)
    max_signer_failures: int = Field(default=3, ge=1)
    min_disk_bytes: int = Field(default=10**9, ge=0)
    max_quick_failures: int = Field(default=3, ge=0)
    watch_treasury: bool = True
    slack_url: SecretStr | None = None
    webhook_urls: tuple[SecretStr, ...] = ()
    alert_pause_seconds: float = Field(default=300.0, gt=0)
    heartbeat_url: SecretStr | None = None
    heartbeat_seconds: float = Field(default=30.0, gt=0)
    funder_keystore: Path | None = None
    topup_wei: int = Field(default=5 * 10**15, gt=0)
    topup_daily_wei: int = Field(default=2 * 10**16, gt=0)
    dashboard_port: int = Field(default=8421, ge=0, le=65_535)
    dashboard_host: str = "127.0.0.1"
    dashboard_names: tuple[str, ...] = ()

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every HTTP endpoint, the preferred one first; never to be shown."""
        return tuple(url.get_secret_value() for url in (self.rpc_url, *self.rpc_urls))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls, dotenv_settings, file_secret_settings
        return init_settings, env_settings


def load_chain(name: str) -> ChainFacts:
    """
    Return the facts of a chain.

    Raises:
        ConfigError: There is no such chain, or its file is wrong.
    """
    path = DEPLOYMENTS / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in DEPLOYMENTS.glob("*.toml")))
        raise ConfigError(f"chain {name!r} is unknown; known are {known}")
    try:
        return ChainFacts.model_validate(_read_toml(path))
    except ValidationError as error:
        raise ConfigError(f"{path.name}: {_sentence(error)}") from None


def load_settings(path: Path | None = None, **given: Any) -> Settings:
    """
    Return the settings of a file, overridden by the environment, overridden by *given* (None means not given).

    Raises:
        ConfigError: A key is unknown, or a value is missing or wrong.
    """
    from_file = _read_toml(path) if path else {}
    in_environment = {key for key in from_file if f"KEEPER_{key}".upper() in os.environ}
    chosen = {key: value for key, value in from_file.items() if key not in in_environment}
    chosen |= {key: value for key, value in given.items() if value is not None}
    _refuse_unknown_environment()
    try:
        return Settings(**chosen)
    except ValidationError as error:
        raise ConfigError(f"settings: {_sentence(error)}") from None
    except SettingsError as error:
        name = re.search(r'field "(\w+)"', str(error))
        raise ConfigError(f"environment variable KEEPER_{name[1].upper() if name else '...'} is not JSON") from None


def _refuse_unknown_environment() -> None:
    known = {f"KEEPER_{name}".upper() for name in Settings.model_fields}
    known |= {PASSPHRASE_VARIABLE, FUNDER_PASSPHRASE_VARIABLE}
    for name in os.environ:
        if name.startswith("KEEPER_") and name not in known:
            raise ConfigError(f"environment variable {name} is not a setting")


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} is not valid TOML: {error}") from None
    except (ValueError, RecursionError):
        raise ConfigError(f"{path.name} is not valid TOML: it is no text, or nested too deep") from None


def _sentence(error: ValidationError) -> str:
    """The first thing that is wrong, in words, without the value: it may be a secret."""
    problems = error.errors(include_input=False, include_url=False)
    first = min(problems, key=lambda problem: problem["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"])
    match first["type"]:
        case "extra_forbidden":
            return f"{key} is not a known key"
        case "missing":
            return f"{key} is missing"
        case _:
            return redact(f"{key}: {first['msg'].removeprefix('Value error, ')}")
