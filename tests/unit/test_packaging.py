"""
The container file and the unit of systemd keep what docs/going-live.md promises of them; tests/long runs the steps.
"""

import re
import shutil
import subprocess
import tomllib
from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest

import keeper
from scripts._release import released, releases
from tests.containerfile import ROOT, first_stage, instructions

UNIT = ROOT / "packaging" / "keeper.service"


def unit() -> dict[str, list[str]]:
    settings = defaultdict(list)
    for line in UNIT.read_text().splitlines():
        if line and line[0] not in "#[":
            name, value = line.split("=", 1)
            settings[name].append(value)
    return settings


def test_container__base__is_chosen_by_the_builder() -> None:
    images = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    (base,) = (rest for name, rest in instructions() if name == "ARG")

    assert images == ["${BASE}", "${BASE}"]
    assert re.fullmatch(r"BASE=[a-z]+:[\w.-]+", base), "no host in front of the image's name"


def test_container__runs_as_a_user_without_rights() -> None:
    every = instructions()
    users = [(place, rest) for place, (name, rest) in enumerate(every) if name == "USER"]
    (start,) = (place for place, (name, _) in enumerate(every) if name == "ENTRYPOINT")

    assert [rest for _, rest in users] == ["10001:10001"]
    assert users[0][0] < start


def test_container__packages__are_compared_with_hashes_or_no_index_is_asked() -> None:
    for name, rest in first_stage():
        if name == "RUN" and re.search(r"pip (install|wheel|download)", rest):
            assert re.search(r"--require-hashes|--no-index|--no-build-isolation --wheel-dir /wheels \.", rest), rest
            assert "--require-hashes" in rest or "-r " not in rest


def test_container__what_it_copies__is_there() -> None:
    for name, rest in first_stage():
        if name == "COPY":
            *sources, _ = rest.split()
            assert all((ROOT / source).exists() for source in sources), rest


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_unit__according_to_systemd__is_right_and_exposes_little(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/keeper/bin/keeper", shutil.which("true") or ""))

    verified = _systemd_analyze("verify", str(copy))
    rated = _systemd_analyze("security", "--offline=true", "--no-pager", "--threshold=20", str(copy))

    assert (verified.returncode, verified.stderr) == (0, "")
    assert rated.returncode == 0, rated.stdout[-200:]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("User", ["keeper"]),
        ("NoNewPrivileges", ["yes"]),
        ("ProtectSystem", ["strict"]),
        ("ProtectHome", ["yes"]),
        ("StateDirectory", ["keeper"]),
        ("StateDirectoryMode", ["0700"]),
        ("Restart", ["on-failure"]),
        ("RestartSec", ["5"]),
        # What waits for a node that was out for an hour is the keeper itself.
        ("StartLimitIntervalSec", ["0"]),
        ("CapabilityBoundingSet", [""]),
        ("LoadCredential", [f"{name}:/etc/keeper/{name}" for name in ("keeper.toml", "operator.json", "passphrase")]),
    ],
)
def test_unit__rights__are_few(name: str, values: list[str]) -> None:
    assert unit()[name] == values


def test_unit__command__is_one_of_the_keepers() -> None:
    (command,) = unit()["ExecStart"]

    assert command.split()[:2] == ["/opt/keeper/bin/keeper", "run"]
    assert "%d/operator.json" in command
    assert not re.search(r"rpc-url|passphrase", command), "what is secret is not in the command line"


def test_version__is_said_once_and_is_that_of_the_last_release() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    changes = (ROOT / "CHANGELOG.md").read_text()

    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "keeper.__version__"}
    assert changes.count("## [Unreleased]") == 1
    assert releases(changes)[:1] in ([], [keeper.__version__])


def test_release__of_what_is_unreleased__gets_a_section_of_its_own() -> None:
    first = released("# Changelog\n\n## [Unreleased]\n\n### Added\n\n- One.\n", "0.1.0", date(2027, 1, 2))
    second = released(first.replace("## [0.1.0]", "### Fixed\n\n- Two.\n\n## [0.1.0]"), "0.2.0", date(2027, 2, 3))

    assert first == "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2027-01-02\n\n### Added\n\n- One.\n"
    assert releases(second) == ["0.2.0", "0.1.0"]
    assert second.index("Two.") < second.index("## [0.1.0]") < second.index("One.")


@pytest.mark.parametrize(
    ("changes", "version", "words"),
    [
        ("## [Unreleased]\n\n- One.\n", "1.0", "1.0 is no version"),
        ("## [Unreleased]\n\n## [0.1.0] - 2027-01-02\n", "0.2.0", "nothing is unreleased"),
        ("## [Unreleased]\n\n- Two.\n\n## [0.10.0] - 2027-01-02\n", "0.9.0", "0.9.0 is not above 0.10.0"),
    ],
)
def test_release__that_cannot_be__is_refused(changes: str, version: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        released(changes, version, date(2027, 1, 2))


def _systemd_analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=60)
