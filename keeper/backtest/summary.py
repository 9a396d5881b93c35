"""
What a study found, summed up: by DEX, lender and hops, under latency, gas and bids.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

#: How many times the gas may cost what was assumed; cheaper gas would have shown more opportunities.
_GAS_FACTORS = (1, 2, 5, 10)
#: Parts of the profit that a bid gives away, in per cent.
_BID_SHARES = (0, 25, 50, 75, 90)
#: What a race costs that is lost: a transaction that the first guard ends (docs/gas.md).
_LOST_RACE_GAS = 31_000

#: So many of the best findings are listed.
_LISTED = 50

Finding = Mapping[str, Any]


def summarise(
    findings: Sequence[Finding], counts: Mapping[str, int], logs: Mapping[str, int], paid: Sequence[str] | None
) -> dict[str, Any]:
    """
    Return the report, amounts of wei as strings.

    Args:
        findings: In the order of their blocks.
        counts: Of the study.
        logs: What became of the logs.
        paid: For each finding, what an EVM paid; None where none was asked.
    """
    profits = [_profit_wei(finding) for finding in findings]
    return {
        "logs": dict(logs),
        "blocks": counts.get("blocks", 0),
        "opportunities": {
            "found": counts.get("found", 0),
            "new": len(findings),
            **{name: counts.get(name, 0) for name in ("standing", "overlapping", "cut")},
        },
        "profit_wei": str(sum(profits)),
        "latency": [_under_latency(findings, latency) for latency in _latencies(findings)],
        "by_dexes": _by(findings, lambda finding: " + ".join(sorted(set(finding["dexes"])))),
        "by_funding": _by(findings, lambda finding: str(finding["funding"])),
        "by_hops": _by(findings, lambda finding: str(len(finding["pools"]))),
        "gas_factors": [_at_gas(findings, factor) for factor in _GAS_FACTORS],
        "bids": [_at_bid(profits, share) for share in _BID_SHARES],
        "evm": _on_evm(paid) if paid is not None else None,
        "findings_sha256": digest(findings),
        "best": sorted(findings, key=lambda finding: (-_profit_wei(finding), finding["block_number"]))[:_LISTED],
    }


def digest(findings: Iterable[Finding]) -> str:
    """
    Return a digest of findings: the same for the same ones in the same order.
    """
    lines = (json.dumps(finding, sort_keys=True) for finding in findings)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def profits_by_block(findings: Iterable[Finding]) -> dict[int, int]:
    """
    Return the profit in wei of each block that has one.
    """
    profits: dict[int, int] = defaultdict(int)
    for finding in findings:
        profits[finding["block_number"]] += _profit_wei(finding)
    return dict(profits)


def _profit_wei(finding: Finding, factor: int = 1) -> int:
    return int(finding["worth_wei"]) - factor * int(finding["l2_wei"]) - int(finding["l1_wei"])


def _latencies(findings: Sequence[Finding]) -> list[int]:
    return sorted({int(latency) for finding in findings for latency in finding["later"]})


def _under_latency(findings: Sequence[Finding], latency: int) -> dict[str, Any]:
    """
    An opportunity is executed if it still pays its costs so many blocks later, else it is missed: what is left of it
    does not pay, and the executor's guard or its minimum gain ends the transaction.
    """
    executed = missed = profit_wei = lost_wei = 0
    for finding in findings:
        gain = finding["later"].get(str(latency))
        gain = int(gain) if gain is not None else 0
        worth_wei = int(finding["worth_wei"]) * gain // int(finding["gain"])
        left_wei = worth_wei - int(finding["l2_wei"]) - int(finding["l1_wei"])
        if left_wei > 0:
            executed += 1
            profit_wei += left_wei
        else:
            missed += 1
            lost_wei += int(finding["l2_wei"]) * _LOST_RACE_GAS // int(finding["gas"]) + int(finding["l1_wei"])
    return {
        "blocks": latency,
        "executed": executed,
        "missed": missed,
        "profit_wei": str(profit_wei),
        "lost_races_wei": str(lost_wei),
    }


def _by(findings: Sequence[Finding], name: Callable[[Finding], str]) -> dict[str, dict[str, Any]]:
    counts, profits = Counter[str](), Counter[str]()
    for finding in findings:
        counts[name(finding)] += 1
        profits[name(finding)] += _profit_wei(finding)
    return {key: {"count": counts[key], "profit_wei": str(profits[key])} for key in sorted(counts)}


def _at_gas(findings: Sequence[Finding], factor: int) -> dict[str, Any]:
    paying = [profit for finding in findings if (profit := _profit_wei(finding, factor)) > 0]
    return {"factor": factor, "count": len(paying), "profit_wei": str(sum(paying))}


def _at_bid(profits: Sequence[int], share: int) -> dict[str, Any]:
    return {"share_percent": share, "profit_wei": str(sum(profit * (100 - share) // 100 for profit in profits))}


def _on_evm(paid: Sequence[str]) -> dict[str, Any]:
    counts = Counter(paid)
    ran = len(paid) - counts["no_such_hop"]
    return {
        "executed": ran,
        **{name: counts[name] for name in ("exact", "more", "less", "no_such_hop")},
        "false_positive_rate": counts["less"] / ran if ran else None,
    }
