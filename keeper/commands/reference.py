"""
``keeper settings``: every setting, from the settings themselves.
"""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from keeper.config import FUNDER_PASSPHRASE_VARIABLE, PASSPHRASE_VARIABLE, EndpointSettings, Settings

_HEAD = f"""# Configuration

<!-- Printed by `keeper settings --markdown`; a test compares. -->

Settings are read from a TOML file (`--config`), from the environment (`KEEPER_` and the name in capitals; lists and
tables as JSON), and from the command line, each of which wins over the one before. An unknown key is an error. URLs and
passphrases belong into the environment, where neither files nor `ps` show them.

Passphrases are no settings: `{PASSPHRASE_VARIABLE}` opens the operators' key files, `{FUNDER_PASSPHRASE_VARIABLE}` the
funder's; each is read once and removed from the environment of the process, though the system still shows it to the
process's own user in `/proc`. Where `CREDENTIALS_DIRECTORY` names a folder, the files `passphrase` and
`funder-passphrase` there stand for them, which nothing shows (`docs/going-live.md`).
"""


@click.command()
@click.option("--markdown", is_flag=True, help="As docs/configuration.md has it.")
def settings(markdown: bool) -> None:
    """Print every setting, what it is by default, and what it does."""
    if markdown:
        click.echo(reference(), nl=False)
        return
    for name, field in Settings.model_fields.items():
        click.echo(f"{name} = {_default(field) or '(must be set)'}\n    {_meanings(Settings)[name]}")


def reference() -> str:
    """
    Return the configuration reference, as Markdown.
    """
    lines = [_HEAD, *_table(Settings), "", "## `endpoints`", ""]
    lines += ["Each is a table, `[[endpoints]]` in the file:", "", *_table(EndpointSettings)]
    return "\n".join(lines) + "\n"


def _table(model: type[BaseModel]) -> Iterator[str]:
    meanings = _meanings(model)
    yield "| name | kind | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for name, field in model.model_fields.items():
        default = f"`{_default(field)}`" if _default(field) else "must be set"
        yield f"| `{name}` | {_kind(field)} | {default} | {meanings.get(name, '')} |"


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """What the docstring says of each attribute; code as Markdown has it."""
    text = inspect.getdoc(model) or ""
    attributes = text.partition("Attributes:\n")[2]
    meanings: dict[str, str] = {}
    for line in attributes.splitlines():
        if told := re.match(r"    (\w+): (.*)", line):
            name = told[1]
            meanings[name] = told[2]
        elif line.strip():
            meanings[name] += f" {line.strip()}"
    return {name: meaning.replace("``", "`").replace("|", r"\|") for name, meaning in meanings.items()}


def _kind(field: FieldInfo) -> str:
    """Of what kind it is, and within which bounds."""
    text = str(field.annotation)
    kinds = {"SecretStr": "URL", "Path": "path", "bool": "yes or no", "float": "number", "int": "whole number"}
    many = "list of " if "tuple" in text else ""
    if "Literal" in text:
        return f"{many}{'names' if many else 'name'}: " + ", ".join(
            f"`{name}`" for name in re.findall(r"'(\w+)'", text)
        )
    word = next((kind for sign, kind in kinds.items() if sign in text), "text")
    if many:
        if "EndpointSettings" in text:
            return "tables"
        word = f"list of {'addresses' if word == 'text' and 'AfterValidator' in text else _plural(word)}"
    return word + _bounds(field.metadata)


def _plural(word: str) -> str:
    return "texts" if word == "text" else f"{word}s"


def _bounds(metadata: list[Any]) -> str:
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    told = [
        f"{word} {getattr(limit, sign):,}" for limit in metadata for sign, word in words.items() if hasattr(limit, sign)
    ]
    return f", {', '.join(told)}" if told else ""


def _default(field: FieldInfo) -> str:
    """As TOML has it; empty where there is none."""
    if field.is_required():
        return ""
    match field.default:
        case None:
            return "none"
        case bool(value):
            return str(value).lower()
        case int(value):
            return f"{value:_}"
        case tuple(values):
            return "[" + ", ".join(f'"{value}"' for value in values) + "]"
        case float(value):
            return str(value)
        case value:
            return f'"{value}"'
