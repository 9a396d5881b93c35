import base64
import hashlib
import io
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from localnet import artifacts, pins
from localnet.abi import Abi
from localnet.artifacts import Artifact
from localnet.errors import ArtifactError
from localnet.paths import ROOT
from localnet.pins import Package


def package_of(content: bytes) -> Package:
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    return Package("@dex/core", "1.0.0", digest, "MIT", {})


def test_check__tarball_as_pinned__passes(tmp_path: Path) -> None:
    tarball = tmp_path / "dex-core-1.0.0.tgz"
    tarball.write_bytes(b"tarball")

    artifacts.check(package_of(b"tarball"), tarball)


def test_check__tarball_altered__is_refused(tmp_path: Path) -> None:
    tarball = tmp_path / "dex-core-1.0.0.tgz"
    tarball.write_bytes(b"tarball, altered")

    with pytest.raises(ArtifactError, match=r"@dex/core@1\.0\.0 is not what was pinned"):
        artifacts.check(package_of(b"tarball"), tarball)


def test_check__tarball_missing__is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="npm did not deliver @dex/core"):
        artifacts.check(package_of(b""), tmp_path / "absent.tgz")


def test_package__scoped_name__has_the_slug_of_npm() -> None:
    assert package_of(b"").slug == "dex-core-1.0.0"


def test_pins__all_packages__name_a_digest_a_licence_and_what_is_kept() -> None:
    for package in pins.pinned():
        assert len(base64.b64decode(package.sha512)) == 64
        assert package.licence
        assert package.members or package.files
        assert package.group in ("", *pins.GROUPS)


def test_pins__all_packages__are_told_of_with_their_licence() -> None:
    told = (ROOT / "docs/dependencies.md").read_text()

    for package in pins.pinned():
        group = package.group or "always"
        assert f"| {package.name} {package.version} | {package.licence} | {group} |" in told


def test_pins__all_compilations__have_their_compiler_and_sources_in_their_group() -> None:
    for compilation in pins.compilations():
        assert compilation.group in ("", *pins.GROUPS)
        assert set(compilation.sources) == set(compilation.packages)
        for package in (compilation.compiler, *compilation.sources.values()):
            assert package.group in ("", compilation.group)


def test_pins__all_artifacts__have_names_of_their_own() -> None:
    names = [name for package in pins.pinned() for name in package.members]
    names += [name for compilation in pins.compilations() for name in compilation.contracts]

    assert len(names) == len(set(names))


def test_compilation__another_setting__is_kept_elsewhere() -> None:
    compilation = pins.compilations()[0]

    assert replace(compilation, runs=compilation.runs + 1).folder != compilation.folder


def test_artifact__linked__fills_every_hole_of_a_library() -> None:
    artifact = Artifact(Abi([]), bytes(64), b"", {"Logic": (2, 40)})

    code = artifact.linked({"Logic": "0x" + "ab" * 20})

    assert code == bytes(2) + b"\xab" * 20 + bytes(18) + b"\xab" * 20 + bytes(4)


def test_fetch__npm_absent__is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    absent = replace(package_of(b""), name="@dex/never-fetched")
    monkeypatch.setattr(artifacts, "pinned", lambda: (absent,))
    monkeypatch.setattr(artifacts, "PACKAGES", tmp_path)
    monkeypatch.setattr("localnet.paths.SEARCH", str(tmp_path))

    with pytest.raises(Exception, match="npm is not installed: install Node 20 or newer"):
        artifacts.fetch()


def test_fetch__files_of_a_package__are_kept_at_their_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tarball = tmp_path / "packed.tgz"
    with tarfile.open(tarball, "w:gz") as archive:
        for path in ("src/Pool.sol", "src/libraries/Math.sol", "test/Pool.t.sol"):
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size = len(path)
            archive.addfile(entry, io.BytesIO(path.encode()))
    package = replace(package_of(tarball.read_bytes()), files=("src/*.sol",))
    monkeypatch.setattr(artifacts, "pinned", lambda: (package,))
    monkeypatch.setattr(artifacts, "PACKAGES", tmp_path / "packages")
    monkeypatch.setattr("localnet.pins.PACKAGES", tmp_path / "packages")
    monkeypatch.setattr(artifacts, "_download", lambda _, folder: shutil.copy(tarball, folder / f"{package.slug}.tgz"))

    artifacts.fetch()

    kept = [file for file in package.folder.rglob("*") if file.is_file()]
    assert sorted(str(file.relative_to(package.folder)) for file in kept) == ["src/Pool.sol", "src/libraries/Math.sol"]
    assert (package.folder / "src/Pool.sol").read_text() == "src/Pool.sol"
