"""`imagegate audit prove` and `check-proof`: one record as a file that stands by itself, and its check."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.audit_views import print_record
from gateway.cli.boundary import CORRUPT
from gateway.cli.options import ConfigOption, DataOption, JsonOption, settings_from
from gateway.cli.printing import print_json, say


def prove(
    record_id: Annotated[str, typer.Argument(help="A record's or decision's id.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; absent: standard output.", show_default=False),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the proof of one record: itself, its path in the tree, a signed head.

    Anyone with the log's public key can check the file with `imagegate audit check-proof`, without the log.
    It holds the public part alone: no prompt.

    Examples:

    - `imagegate audit prove 019ab… -o decision.tlog-proof`
    """
    from gateway.audit.reader import AuditReader
    from gateway.core.errors import ConfigurationError
    from gateway.service.wiring import audit_settings

    with closing(AuditReader(audit_settings(settings_from(config, data)).database)) as reader:
        proof = reader.proof(record_id)
    if output is not None:
        try:
            output.write_text(proof, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"--output: {output} can't be written: {error.strerror}") from error
    if as_json:
        print_json({"proof": proof} if output is None else {"written": output})
    elif output is None:
        typer.echo(proof, nl=False)
    else:
        say(f"written    {output}")


def check_proof(
    file: Annotated[Path, typer.Argument(help="A file of imagegate audit prove.")],
    public_key: Annotated[
        Path, typer.Option(help="The log's public key, got from the operator beforehand.", show_default=False)
    ],
    as_json: JsonOption = False,
) -> None:
    """Check a proof without the log: the record is shown as it stands there, or exit code 3.

    It says that the record stands at this place of the log that the head signs. It can't say what else stands
    there, nor that the operator shows everybody the same log.

    Examples:

    - `imagegate audit check-proof decision.tlog-proof --public-key signing.key.pub`
    """
    from gateway.audit.checkpoint import Verifier
    from gateway.audit.proof import ProofInvalid
    from gateway.audit.proof import check_proof as checked

    verifier = Verifier.parse(_text(public_key, "--public-key"))
    try:
        proved = checked(_proof_text(file), [verifier])
    except ProofInvalid as error:
        if as_json:
            print_json({"ok": False, "reason": str(error)})
        else:
            say(f"THE PROOF DOES NOT HOLD: {error}", style="red")
        raise typer.Exit(CORRUPT) from error
    view = {"index": proved.index, "leaf": proved.leaf.hex(), **proved.public}
    if as_json:
        head = {"origin": verifier.name, "size": proved.head.size, "root": proved.head.root.hex()}
        print_json({"ok": True, "head": head, "record": view})
        return
    print_record(view)
    say(
        f"the proof holds: record {proved.index} of {verifier.name}, under its signed head of "
        f"{proved.head.size} records",
        style="green",
    )


def _proof_text(path: Path) -> str:
    """The file as it is, no line end changed. Raises ProofInvalid when it is not text."""
    from gateway.audit.proof import ProofInvalid
    from gateway.core.errors import ConfigurationError

    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise ConfigurationError(f"FILE: {path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ProofInvalid("the file is not text in UTF-8") from error


def _text(path: Path, option: str) -> str:
    from gateway.core.errors import ConfigurationError

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{option}: {path} can't be read as text") from error
