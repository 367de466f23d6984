"""A record's proof holds for that record in that log, and for nothing else."""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from gateway.audit import AuditSettings, SqliteAuditLog
from gateway.audit.checkpoint import Signer, Verifier
from gateway.audit.proof import ProofInvalid, check_proof
from gateway.audit.reader import AuditReader
from gateway.audit.sealing import Sealer
from gateway.core.errors import AuditUnavailable, Conflict, NotFound
from gateway.core.ports import Receipt, RecordDraft
from gateway.core.requests import Caller
from gateway.service.records import Records

Make = Callable[..., RecordDraft]


@pytest.fixture
def proofs(settings: AuditSettings, make_draft: Make) -> list[str]:
    """Proofs of seven records under one closing head."""
    log = SqliteAuditLog.open(settings)
    drafts = [make_draft(request_id=f"q{at}") for at in range(7)]
    for draft in drafts:
        log.append(draft).result(10)
    log.close()
    reader = AuditReader(settings.database)
    made = [reader.proof(draft.id) for draft in drafts]
    with pytest.raises(NotFound):
        reader.proof("none")
    reader.close()
    return made


@pytest.fixture
def key(settings: AuditSettings, proofs: list[str]) -> Verifier:
    return Verifier.parse(settings.verifier_key.read_text())


def test_every_record_is_proved_at_its_place(proofs: list[str], key: Verifier) -> None:
    """Whatever the index, the path leads to the signed root, and the record is told."""
    found = [check_proof(proof, [key]) for proof in proofs]
    assert [one.index for one in found] == list(range(7))
    assert [one.public["request"]["id"] for one in found] == [f"q{at}" for at in range(7)]


def test_a_long_log_is_read_a_few_leaves_at_a_time(
    settings: AuditSettings, proofs: list[str], key: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many leaves are read at once, the proof is the same."""
    monkeypatch.setattr("gateway.audit.reader._LEAVES_AT_ONCE", 2)
    reader = AuditReader(settings.database)
    ids = [check_proof(proof, [key]).public["id"] for proof in proofs]
    assert [reader.proof(record_id) for record_id in ids] == proofs
    reader.close()


async def test_a_log_that_hangs_opens_nothing(
    settings: AuditSettings, make_draft: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that can't go on record in time ends as an error, and the part stays sealed."""
    monkeypatch.setattr("gateway.service.records._DURABLE_WITHIN_S", 0.05)
    log = SqliteAuditLog.open(settings)
    draft = make_draft(sealed_text="a red apple")
    log.append(draft).result(10)
    reader = AuditReader(settings.database, Sealer.from_file(settings.sealing_key, may_create=False))

    class Hanging:
        ready = True

        def append(self, draft: RecordDraft) -> Future[Receipt]:
            return Future()

        def close(self) -> None: ...

    with pytest.raises(AuditUnavailable, match="nothing was opened"):
        await Records(reader, Hanging()).unseal(draft.id, Caller(actor="key-7", role="review"))
    log.close()
    reader.close()


def test_no_proof_serves_another_record_or_place(proofs: list[str], key: Verifier) -> None:
    """Another record's bytes, another index, a shorter path or another root: none of them holds."""
    one, other = proofs[2].split("\n"), proofs[3].split("\n")
    head = one.index("")
    for lines in (
        [one[0], other[1], *one[2:]],
        [*one[:2], "index 3", *one[3:]],
        [*one[:2], "index 99", *one[3:]],
        [*one[: head - 1], *one[head:]],
        [*one[: head + 3], base64.b64encode(b"\0" * 32).decode(), *one[head + 4 :]],
    ):
        with pytest.raises(ProofInvalid):
            check_proof("\n".join(lines), [key])


def test_another_log_s_key_is_not_believed(proofs: list[str], key: Verifier) -> None:
    """A head signed by someone else proves nothing, though all else fits."""
    stranger = Signer(key.name, b"\1" * 32).verifier
    with pytest.raises(ProofInvalid, match="key"):
        check_proof(proofs[0], [stranger])


@pytest.mark.parametrize("text", ["", "c2sp.org/tlog-proof@v1\n\nnote", "a\nb\nc\n\nd", "\x00"])
def test_what_is_no_proof_is_said(text: str, key: Verifier) -> None:
    """A file of another kind is refused with a reason, never a traceback."""
    with pytest.raises(ProofInvalid, match="not a proof"):
        check_proof(text, [key])


def test_a_record_without_a_head_has_no_proof_yet(settings: AuditSettings, make_draft: Make) -> None:
    """Until a head covers it the answer is a conflict that says to try again."""
    log = SqliteAuditLog.open(settings)
    draft = make_draft()
    log.append(draft).result(10)
    reader = AuditReader(settings.database)
    with pytest.raises(Conflict, match="try again"):
        reader.proof(draft.id)
    reader.close()
    log.close()


async def test_a_look_into_sealed_text_is_on_record_first(settings: AuditSettings, make_draft: Make) -> None:
    """The access record names the record and seals who looked; a log that takes no record opens nothing."""
    log = SqliteAuditLog.open(settings)
    draft = make_draft(sealed_text="a red apple", tenant="acme")
    log.append(draft).result(10)
    reader = AuditReader(settings.database, Sealer.from_file(settings.sealing_key, may_create=False))
    opened = await Records(reader, log).unseal(draft.id, Caller(tenant="acme", actor="key-7", role="review"))
    assert opened.fields["prompt"] == "a red apple"
    access = reader.get(opened.access, tenant="acme").public
    shown = await Records(reader, log).one(opened.access)
    assert shown is not None
    assert shown["tenant"] == "acme"
    assert (access["type"], access["records"]) == ("access", [draft.id])
    assert reader.unseal(opened.access) == {"actor": "key-7"}

    class Full:
        ready = True

        def append(self, draft: RecordDraft) -> Future[Receipt]:
            failed: Future[Receipt] = Future()
            failed.set_exception(OSError("no space"))
            return failed

        def close(self) -> None: ...

    with pytest.raises(OSError, match="no space"):
        await Records(reader, Full()).unseal(draft.id, Caller(actor="key-7", role="review"))
    with pytest.raises(NotFound):
        await Records(reader, log).unseal("none", Caller(actor="key-7", role="review"))
    log.close()
    reader.close()
