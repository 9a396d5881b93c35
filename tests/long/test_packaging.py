"""
Each step of the container file's first stage, as a builder runs it, in folders that are new.

It needs the package index, as `make setup` does. What only a container can show (the user, the base image) it does not.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import keeper
from tests.containerfile import BUILT, ROOT, first_stage, moved


def test_container__steps_in_new_folders__give_a_keeper_with_only_locked_packages(tmp_path: Path) -> None:
    for folder in BUILT[:1]:
        (tmp_path / folder[1:]).mkdir(parents=True)
    told = ""
    for name, rest in first_stage():
        if name == "COPY":
            _copy(rest, tmp_path / "src")
        elif name == "RUN":
            told += _run(moved(rest, tmp_path), tmp_path / "src")

    installed = _installed(tmp_path / "opt" / "keeper")
    assert f"keeper, version {keeper.__version__}" in told
    assert "No broken requirements found." in told
    assert installed.pop("flashkeeper") == keeper.__version__
    assert {f"{name}=={version}" for name, version in installed.items()} <= _locked()
    # Ape itself needs pytest.
    assert not {"mypy", "ruff", "titanoboa", "selenium"} & installed.keys()
    assert list((tmp_path / "opt/keeper/kernels").rglob("*.nbi"))


def _copy(arguments: str, to: Path) -> None:
    *sources, place = arguments.split()
    for source in sources:
        if (ROOT / source).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, to / place, ignore=ignored)
        else:
            shutil.copy(ROOT / source, to / place)


def _run(step: str, folder: Path) -> str:
    """Run a step as the builder's shell does, with this interpreter for `python`."""
    names = ("PYTHONPATH", "VIRTUAL_ENV", "NUMBA_CACHE_DIR")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    path = folder.parent / "bin"
    path.mkdir(exist_ok=True)
    if not (path / "python").exists():
        (path / "python").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    done = subprocess.run(
        ["/bin/sh", "-c", step],
        cwd=folder,
        env=clean | {"PATH": f"{path}:/usr/local/bin:/usr/bin:/bin", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, f"{step}: {done.stderr[-2_000:]}"
    return done.stdout


def _installed(venv: Path) -> dict[str, str]:
    listed = _run(f"{venv}/bin/python -m pip list --format freeze", venv.parent)
    pairs = (line.split("==") for line in listed.splitlines())
    return {name.lower().replace("_", "-"): version for name, version in pairs if name not in ("pip", "setuptools")}


def _locked() -> set[str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return {line.split()[0].split(";")[0].lower().replace("_", "-") for line in lines if "==" in line}
