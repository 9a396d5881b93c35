"""
This machine: key files, the journal, the disk, the state that an earlier life left, and URLs of the settings.
"""

import json
import shutil
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from keeper.commands.doctor.finding import Finding, fail, ok, warn
from keeper.config import ChainFacts, Settings
from keeper.errors import JournalError
from keeper.execution.operation import KILL_FILE, OperatingState, Operation
from keeper.journal import SCHEMA_VERSION
from keeper.journal.halts import halts_in
from keeper.journal.inspection import inspect_journal
from keeper.redaction import redact_url
from keeper.texts import is_url, to_address
from keeper.types import Address, Hash

_DIRECTORY_ADVICE = "create it, or set another state_dir"


def look_at_keystore(path: Path, check: str) -> tuple[Finding, Address | None]:
    """
    Return what there is to say about a key file, which is not opened, and whose key it holds, if it says so.
    """
    try:
        mode, text = stat.S_IMODE(path.stat().st_mode), path.read_text(errors="replace")
    except OSError as error:
        return fail(check, f"{path.name} cannot be read: {error.strerror}", "check its path and whose it is"), None
    try:
        kept = json.loads(text)
        version, told = kept["version"], str(kept.get("address", ""))
        address = to_address("0x" + told.removeprefix("0x")) if told else None
        if version != 3 or "crypto" not in {name.lower() for name in kept}:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return fail(check, f"{path.name} is not a keystore file (version 3)", "give the file that holds the key"), None
    if mode & 0o077:
        words = f"{path.name} may be read or written by others: its mode is {mode:04o}"
        return fail(check, words, f"chmod 600 {path}"), address
    return ok(check, f"{path.name} of {address or 'an account that it does not name'}, mode {mode:04o}"), address


async def look_at_machine(
    settings: Settings, facts: ChainFacts, genesis_hash: Hash | None, config: Path | None
) -> AsyncIterator[Finding]:
    """
    Yield what there is to say about what surrounds the process.

    Args:
        genesis_hash: Of the chain, if a node has told it.
        config: The settings file, if there is one.
    """
    if config is not None and stat.S_IMODE(config.stat().st_mode) & 0o077:
        advice = f"chmod 600 {config}, or give URLs in the environment"
        yield warn("settings file", f"{config.name} may be read by others, and URLs in it have keys", advice)
    for finding in (*_state_dir(settings), _journal(settings, facts, genesis_hash), *_urls(settings)):
        yield finding


def _state_dir(settings: Settings) -> Iterator[Finding]:
    directory = settings.state_dir
    try:
        free = shutil.disk_usage(directory).free
    except OSError as error:
        yield fail("disk", f"state_dir {directory} cannot be used: {error.strerror}", _DIRECTORY_ADVICE)
        return
    words = f"{free / 10**9:.1f} GB are free in {directory}"
    if free < settings.min_disk_bytes:
        yield fail(
            "disk", f"{words}, {settings.min_disk_bytes / 10**9:.1f} GB are needed", "make room: else the keeper halts"
        )
    else:
        yield ok("disk", words)
    operation = Operation(directory)
    if operation.state is OperatingState.HALTED:
        reasons = "; ".join(operation.reasons.values())
        yield fail(
            "operation", f"the keeper is halted: {reasons}", "find out why (docs/operations.md), then: keeper rearm"
        )
    elif (directory / KILL_FILE).exists():
        yield fail("operation", f"the kill file {directory / KILL_FILE} is there", "remove it once it is known why")
    else:
        yield ok("operation", "nothing halts the keeper")


def _journal(settings: Settings, facts: ChainFacts, genesis_hash: Hash | None) -> Finding:
    try:
        meta = inspect_journal(settings)
    except JournalError as error:
        return fail("journal", str(error), "see docs/execution.md; do not start a keeper on it before")
    if meta is None:
        return ok("journal", "there is none yet: the first run makes it")
    chain_id, genesis = meta.get("chain_id"), meta.get("genesis_hash")
    if chain_id != str(facts.chain_id) or (genesis_hash is not None and genesis != genesis_hash):
        words = f"it is of another chain: {chain_id}, with block 0 {genesis}"
        return fail("journal", words, "use another state_dir (or journal_url): one for each chain")
    version = meta.get("schema", "")
    if version != str(SCHEMA_VERSION):
        return warn(
            "journal",
            f"it is of version {version}",
            f"nothing: the next start brings it to {SCHEMA_VERSION}; back it up before",
        )
    if halts := halts_in(meta):
        words = "; ".join(f"{name}: {reason}" for name, reason in halts.items())
        return fail(
            "journal", f"it has every keeper halted: {words}", "find out why (docs/operations.md), then: keeper rearm"
        )
    return ok("journal", f"it is of this chain, version {version}")


def _urls(settings: Settings) -> Sequence[Finding]:
    named = [("slack_url", settings.slack_url), ("heartbeat_url", settings.heartbeat_url)]
    named += [(f"webhook_urls {number}", url) for number, url in enumerate(settings.webhook_urls, 1)]
    findings = []
    for check, secret in named:
        if secret is None:
            continue
        url = secret.get_secret_value()
        if is_url(url, "http", "https"):
            findings.append(ok(check, redact_url(url)))
        else:
            advice = "give the whole URL, with http:// or https://; as it is no alert would arrive"
            findings.append(fail(check, "it is not the URL of a web server", advice))
    if not findings:
        findings.append(
            warn("alerts", "nobody is told of anything", "set slack_url or webhook_urls, and heartbeat_url")
        )
    return findings
