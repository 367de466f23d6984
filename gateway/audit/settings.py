"""Where an audit log lives and what it may use. Duty: names and defaults alone; it opens no file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.core.errors import ConfigurationError

BATCH_LIMIT = 256
"""Records in one transaction at most, and new records after which a head is signed."""


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """One log: a folder with `audit.db`, and four paths that should lie outside it.

    `origin` names the deployment in every signed head (`host.example/imagegate`, no spaces, no `+`). Left
    out, the paths fall beside the folder (`audit-keys/` and `audit-heads.txt`): good for a first run; put
    them on another disk, or a share that only appends, to see a rollback by someone who owns this disk.
    `node` names this process's place among several; left out, a random name is kept in the log.
    """

    folder: Path
    origin: str = "imagegate/default"
    heads_file: Path | None = None
    head_file: Path | None = None
    key_file: Path | None = None
    seal_key_file: Path | None = None
    queue_limit: int = 4096
    node: str | None = None
    checkpoint_interval_s: float = 10.0
    heartbeat_interval_s: float = 600.0

    def __post_init__(self) -> None:
        if not self.origin or any(c.isspace() or c == "+" for c in self.origin):
            raise ConfigurationError("audit origin must be a name without spaces and without '+'")
        if self.queue_limit < 1:
            raise ConfigurationError("audit queue_limit must be at least 1")
        if self.checkpoint_interval_s <= 0 or self.heartbeat_interval_s <= 0:
            raise ConfigurationError("audit intervals must be above 0 seconds")

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / "audit.db"

    @property
    def lock(self) -> Path:
        """The file that one writer process locks."""
        return self.folder / "audit.lock"

    @property
    def heads(self) -> Path:
        """The append-only file of signed heads."""
        return self.heads_file or self.folder.parent / "audit-heads.txt"

    @property
    def last_head(self) -> Path:
        """The file of the last signed head alone."""
        return self.head_file or self.signing_key.with_name(self.signing_key.name + ".head")

    @property
    def signing_key(self) -> Path:
        """The Ed25519 key that signs heads."""
        return self.key_file or self.folder.parent / "audit-keys" / "signing.key"

    @property
    def verifier_key(self) -> Path:
        """The public key beside the signing key."""
        return self.signing_key.with_name(self.signing_key.name + ".pub")

    @property
    def sealing_key(self) -> Path:
        """The master key that wraps the keys of sealed parts."""
        return self.seal_key_file or self.folder.parent / "audit-keys" / "seal.key"
