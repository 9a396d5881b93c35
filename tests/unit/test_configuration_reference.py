"""
The configuration reference says what the settings are, and all of them.
"""

from pathlib import Path

import pytest
from click.testing import CliRunner

from keeper.__main__ import cli
from keeper.commands.reference import reference
from keeper.config import EndpointSettings, Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_configuration__document__is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(cli, ["settings", "--markdown"])

    assert printed.exit_code == 0
    assert printed.output == DOCUMENT.read_text(), "run: keeper settings --markdown > docs/configuration.md"


@pytest.mark.parametrize("model", [Settings, EndpointSettings])
def test_configuration__every_setting__has_a_meaning(model: type[Settings | EndpointSettings]) -> None:
    rows = {line.split(" | ")[0].strip("| `"): line for line in reference().splitlines() if line.startswith("| `")}

    for name in model.model_fields:
        meaning = rows[name].rstrip(" |").split(" | ")[-1]
        assert meaning.endswith("."), f"{name} has no sentence: {meaning}"


def test_configuration__plain__names_every_setting() -> None:
    printed = CliRunner().invoke(cli, ["settings"])

    names = [line.split(" = ")[0] for line in printed.output.splitlines() if " = " in line and line[0] != " "]
    assert names == list(Settings.model_fields)
