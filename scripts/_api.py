"""
Write the reference of what other programs may build on: ``python -m scripts._api > docs/api.md``.

It is taken from signatures and docstrings; a test compares.
"""

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from enum import Enum
from typing import Any

#: What is meant to be used from outside, in the order of the way from a node to a transaction.
MODULES = {
    "keeper.types": ("Block", "Call", "Token"),
    "keeper.config": ("load_chain", "load_settings"),
    "keeper.chain.rpc": ("Rpc",),
    "keeper.chain.reader": ("Reader",),
    "keeper.chain.follower": ("Follower", "NewBlock", "Unwound"),
    "keeper.events": ("decode",),
    "keeper.pools.pool": ("PoolInfo", "Pool"),
    "keeper.registry": ("discover", "gathered", "read_pools"),
    "keeper.market": ("Market",),
    "keeper.lenders": ("Lender", "Offer", "read_lender"),
    "keeper.opportunity": ("Opportunity", "Scene", "Terms", "look", "scan"),
    "keeper.bundling": ("Bundle", "Bundler", "Conditions"),
    "keeper.plan": ("Plan", "Route", "Hop", "Funding", "Guard", "FlashPool", "encode", "pool_address"),
    "localnet": ("start", "Localnet", "TraderSettings"),
}

_HEAD = """# Interfaces

<!-- Printed by `python -m scripts._api`; a test compares. -->

What other programs may build on, from the code's own docstrings. Everything else may change without a word. Amounts are
whole numbers of the smallest unit, addresses lower-case hex. Every expected failure is a `KeeperError`. All between an
event and the calldata is pure: no clock, no node, no randomness. `tests/contracts/test_bundles.py` goes the whole way.
"""

#: Longer signatures have a line for each parameter.
_WIDTH = 110

_SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields):$")


def reference() -> str:
    """
    Return the page, as Markdown.
    """
    lines = [_HEAD]
    for module_name, names in MODULES.items():
        module = importlib.import_module(module_name)
        lines += [f"## {module_name}", "", _paragraph(module), ""]
        for name in names:
            lines += _entry(name, getattr(module, name))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _entry(name: str, thing: Any) -> Iterator[str]:
    yield f"### `{name}`"
    yield ""
    if not inspect.isclass(thing):
        yield from _signed(name, thing)
        yield from _rendered(inspect.getdoc(thing) or "")
        return
    if thing.__init__ is not object.__init__ and not getattr(thing, "_is_protocol", False):
        yield from _signed(name, thing)
    yield from _rendered(_own(thing))
    yield from _members(name, thing)
    yield ""


def _members(name: str, thing: type) -> Iterator[str]:
    """Its public methods and properties, as far as they say what they are."""
    for attribute, member in vars(thing).items():
        function = getattr(member, "__func__", member)
        if attribute.startswith("_") and attribute != "__call__":
            continue
        if isinstance(member, property):
            if not inspect.getdoc(member):
                continue
            yield f"* `.{attribute}`: {_paragraph(member)}"
        elif inspect.isfunction(function) and inspect.getdoc(function):
            parameters = ", ".join(list(inspect.signature(function).parameters)[1:])
            called = name if attribute == "__call__" else f".{attribute}"
            yield f"* `{called}({parameters})`: {_paragraph(function)}"


def _own(thing: type) -> str:
    """Its docstring; what dataclasses make up is none."""
    told = inspect.getdoc(thing) or ""
    return "" if told.startswith(f"{thing.__name__}(") else told


def _signed(name: str, thing: Any) -> Iterator[str]:
    signature = inspect.signature(thing)
    kinds = inspect.Parameter
    plain: list[str] = []
    for parameter in signature.parameters.values():
        starred = any(shown[0] == "*" for shown in plain)
        if parameter.kind is kinds.KEYWORD_ONLY and not starred:
            plain.append("*")
        plain.append(_plain(parameter))
    asynchronous = "async " if inspect.iscoroutinefunction(thing) else ""
    returned = "" if inspect.isclass(thing) else f" -> {_type(signature.return_annotation)}"
    if len(returned) > _WIDTH:
        returned = ""  # a union of a dozen events tells nobody anything
    line = f"{asynchronous}{name}({', '.join(plain)}){returned}"
    if len(line) > _WIDTH:
        line = f"{asynchronous}{name}(\n    " + ",\n    ".join(plain) + f",\n){returned}"
    yield from ("```python", line, "```", "")


def _plain(parameter: inspect.Parameter) -> str:
    """The parameter as it is declared, its default where that reads as code."""
    star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")  # type: ignore[call-overload]
    default = parameter.default
    shown = f"{star}{parameter.name}: {_type(parameter.annotation)}"
    if default is inspect.Parameter.empty:
        return shown
    if isinstance(default, Enum):
        return f"{shown} = {default!s}"
    told = repr(default) if isinstance(default, (int, float, str, bytes, tuple, type(None))) else "..."
    return f"{shown} = {told}"


def _type(annotation: Any) -> str:
    """A type without the modules that its parts are from."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", text)


def _paragraph(thing: Any) -> str:
    first = (inspect.getdoc(thing) or "").split("\n\n")[0]
    return " ".join(first.split()).replace("``", "`")


def _rendered(docstring: str) -> Iterator[str]:
    """A docstring as Markdown: its sections as lists."""
    for block in docstring.replace("``", "`").split("\n\n"):
        first, *rest = block.splitlines() or [""]
        if not _SECTION.match(first.strip()):
            yield from (" ".join(block.split()), "") if block.strip() else ()
            continue
        yield from (f"{first.strip()}", "")
        items: list[str] = []
        for line in rest:
            begins = len(line) - len(line.lstrip()) <= 4
            name, colon, meaning = line.strip().partition(": ")
            if begins and colon:
                items.append(f"* `{name}`: {meaning}")
            elif begins or not items:
                items.append(f"* {line.strip()}")
            else:
                items[-1] += f" {line.strip()}"
        yield from (*items, "")


if __name__ == "__main__":
    sys.stdout.write(reference())
