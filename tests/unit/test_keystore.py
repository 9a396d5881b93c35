"""
Where a passphrase may come from, and what is no key file.
"""

from pathlib import Path

import pytest

from keeper.errors import ConfigError
from keeper.execution.keystore import open_keystore, stored_passphrase

VARIABLE = "KEEPER_FUNDER_PASSPHRASE"


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    return tmp_path


def test_passphrase__in_the_environment__is_taken_out_of_it(credentials: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (credentials / "funder-passphrase").write_text("of the file")
    monkeypatch.setenv(VARIABLE, "of the environment")

    assert [stored_passphrase(VARIABLE) for _ in range(2)] == ["of the environment", "of the file"]


@pytest.mark.parametrize(("text", "passphrase"), [("a b \n", "a b "), ("a\n\n", "a\n"), ("", "")])
def test_passphrase__as_a_credential__loses_the_end_of_its_line_only(
    credentials: Path, text: str, passphrase: str
) -> None:
    (credentials / "funder-passphrase").write_text(text)

    assert stored_passphrase(VARIABLE) == passphrase


def test_passphrase__nowhere__is_none(credentials: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stored_passphrase(VARIABLE) is None
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert stored_passphrase(VARIABLE) is None


def test_passphrase__credential_that_is_no_text__is_refused_without_its_content(credentials: Path) -> None:
    (credentials / "funder-passphrase").write_bytes(b"\xff s3cret")

    with pytest.raises(ConfigError, match="the credential funder-passphrase cannot be read") as refused:
        stored_passphrase(VARIABLE)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [b"\x7fELF\xd0", b"[]", b"3", b'{"version": 3, "crypto": []}', b'{"version": 3, "crypto": {}}', b"[" * 5_000],
)
def test_keystore__is_none__is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "hot.json"
    file.write_bytes(content)

    with pytest.raises(ConfigError, match="hot.json is not a keystore file"):
        open_keystore(file, "passphrase")


def test_keystore__missing__is_told_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="key file hot.json cannot be read: No such file"):
        open_keystore(tmp_path / "hot.json", "passphrase")
