import base64
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from localnet import artifacts
from localnet.abi import Abi
from localnet.artifacts import Artifact, Package
from localnet.errors import ArtifactError


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


def test_pins__all_packages__name_a_digest_a_licence_and_members() -> None:
    for package in artifacts.pinned():
        assert len(base64.b64decode(package.sha512)) == 64
        assert package.licence
        assert package.members
        assert package.group in ("", *artifacts.GROUPS)


def test_pins__all_members__have_names_of_their_own() -> None:
    names = [name for package in artifacts.pinned() for name in package.members]

    assert len(names) == len(set(names))


def test_artifact__linked__fills_every_hole_of_a_library() -> None:
    artifact = Artifact(Abi([]), bytes(64), b"", {"Logic": (2, 40)})

    code = artifact.linked({"Logic": "0x" + "ab" * 20})

    assert code == bytes(2) + b"\xab" * 20 + bytes(18) + b"\xab" * 20 + bytes(4)


def test_fetch__npm_absent__is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    absent = replace(package_of(b""), name="@dex/never-fetched")
    monkeypatch.setattr(artifacts, "pinned", lambda: (absent,))
    monkeypatch.setattr(artifacts, "FOLDER", tmp_path)
    monkeypatch.setattr("localnet.paths.SEARCH", str(tmp_path))

    with pytest.raises(Exception, match="npm is not installed: install Node 20 or newer"):
        artifacts.fetch()
