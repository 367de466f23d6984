"""Signed heads and their keys, against the vectors of Go's sumdb/note."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from gateway.audit.checkpoint import Head, NoteInvalid, Signer, Verifier
from gateway.audit.tree import EMPTY_ROOT
from gateway.core.errors import ConfigurationError

# golang.org/x/mod/sumdb/note: the key pair and signed text of its documentation
SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="


@pytest.fixture
def signer() -> Signer:
    return Signer("test.example/log", bytes(range(32)))


def key_file(folder: Path, line: str) -> Path:
    path = folder / "signing.key"
    path.write_text(line)
    path.chmod(0o600)
    return path


def test_keys_and_signatures_are_those_of_the_note_format(tmp_path: Path) -> None:
    """A published key pair loads, gives its public key, and signs as published."""
    path = key_file(tmp_path, SKEY)
    signer = Signer.from_file(path, tmp_path / "pub", "PeterNeumann", may_create=False)
    assert str(signer.verifier) == VKEY == str(Verifier.parse(VKEY)) == (tmp_path / "pub").read_text().strip()
    signature = signer.verifier.key_hash + signer._key.sign(TEXT.encode())
    assert base64.b64encode(signature).decode() == SIGNATURE


def test_a_head_is_a_c2sp_checkpoint(signer: Signer) -> None:
    """The note reads origin, size, root, empty line, signature line; and opens again."""
    head = Head(0, EMPTY_ROOT)
    lines = signer.sign(head).split("\n")
    assert lines[:4] == ["test.example/log", "0", base64.b64encode(EMPTY_ROOT).decode(), ""]
    assert lines[4].startswith("— test.example/log ")
    assert lines[5:] == [""]
    assert signer.verifier.open(signer.sign(head)) == head


def test_a_witness_may_sign_too(signer: Signer) -> None:
    """Signature lines of other keys are passed over."""
    other = Signer("witness.example", bytes(32))
    note = signer.sign(Head(1, bytes(32)))
    extra = other.sign(Head(1, bytes(32))).splitlines()[-1]
    assert signer.verifier.open(f"{note}{extra}\n").size == 1
    with pytest.raises(NoteInvalid):
        other.verifier.open(note)


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace("\n7\n", "\n8\n"),
        lambda note: note.replace("\n7\n", "\n07\n"),
        lambda note: note.replace("\n7\n", "\n-7\n"),
        lambda note: note.replace("test.example/log\n7", "other.example/log\n7"),
        lambda note: note.replace("AQEB", "AgEB", 1),
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.split("\n\n")[0] + "\n\n",
        lambda note: note[:-20],
        lambda note: "",
    ],
)
def test_an_altered_note_does_not_open(signer: Signer, change: object) -> None:
    """A changed size, root, origin, form or signature is refused."""
    note = signer.sign(Head(7, bytes([1]) * 32))
    altered = change(note)
    assert altered != note
    with pytest.raises(NoteInvalid):
        signer.verifier.open(altered)


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    """The first start makes a 0600 key and its public half; the next uses the same."""
    path, public = tmp_path / "keys" / "signing.key", tmp_path / "keys" / "signing.key.pub"
    first = Signer.from_file(path, public, "a", may_create=True)
    again = Signer.from_file(path, public, "a", may_create=False)
    assert str(first.verifier) == str(again.verifier) == public.read_text().strip()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("line", "mode", "origin", "message"),
    [
        (SKEY, 0o644, "PeterNeumann", "chmod 600"),
        (SKEY, 0o600, "another", "origin"),
        (SKEY.replace("c74f20a3", "c74f20a4"), 0o600, "PeterNeumann", "malformed"),
        ("nonsense", 0o600, "PeterNeumann", "malformed"),
    ],
)
def test_a_wrong_key_file_is_refused(tmp_path: Path, line: str, mode: int, origin: str, message: str) -> None:
    """A key that others can read, of another origin, or malformed, starts no log."""
    path = key_file(tmp_path, line)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match=message):
        Signer.from_file(path, tmp_path / "pub", origin, may_create=True)


def test_a_missing_key_of_an_existing_log_is_not_replaced(tmp_path: Path) -> None:
    """Without leave to create, a missing key is an error that says to restore it."""
    with pytest.raises(ConfigurationError, match="restore"):
        Signer.from_file(tmp_path / "k", tmp_path / "p", "a", may_create=False)
    assert not (tmp_path / "k").exists()


def test_a_foreign_public_key_beside_ours_is_refused(tmp_path: Path) -> None:
    """The public key file must be that of the signing key."""
    (tmp_path / "pub").write_text(VKEY)
    with pytest.raises(ConfigurationError, match="not that of the signing key"):
        Signer.from_file(tmp_path / "k", tmp_path / "pub", "a", may_create=True)


@pytest.mark.parametrize("text", ["", "a+b", "a+00000000+AAAA", VKEY.replace("c74f", "c74e")])
def test_a_malformed_verifier_key_is_refused(text: str) -> None:
    """A public key line must carry an Ed25519 key and its hash."""
    with pytest.raises(ConfigurationError):
        Verifier.parse(text)
