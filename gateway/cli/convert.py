"""`imagegate models convert`: a published checkpoint made into a folder that loads quickly and safely."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.cli.options import JsonOption
from gateway.cli.printing import print_json, say

SOURCES: Final = ("detoxify:original", "detoxify:unbiased", "detoxify:multilingual")


def convert(  # noqa: PLR0917  # typer: parameters are options
    source: Annotated[str, typer.Argument(help=f"What to convert: {', '.join(SOURCES)}.")],
    sha256: Annotated[str, typer.Option(help="The checkpoint's sha256; checked before it is read.")],
    base: Annotated[Path, typer.Option(help="Folder with the configuration and tokenizer it began from.")],
    out: Annotated[Path, typer.Option(help="New folder for the result.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="The checkpoint; absent: the published one in torch's hub cache.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Convert a Detoxify checkpoint into safetensors and an int8 ONNX graph, once.

    The checkpoint is read as plain tensors: code in it can't run. Prints the settings that use the folder.

    Examples:

    - `imagegate models convert detoxify:original --checkpoint toxic.ckpt --sha256 … --base bert --out toxic`
    """
    from classifiers.protocol import ClassifierConfigError
    from classifiers.text import detoxify_convert
    from gateway.core.errors import ConfigurationError

    if source not in SOURCES:
        raise ConfigurationError(f"{source!r} can't be converted; what can: {', '.join(SOURCES)}.")
    model = source.partition(":")[2]
    try:
        made = detoxify_convert.convert(model, checkpoint, sha256, base, out)
    except ClassifierConfigError as error:
        raise ConfigurationError(str(error)) from error
    except OSError as error:
        raise ConfigurationError(f"--out can't be written: {error.strerror or error}") from error
    options = {"model": model, "converted": str(made.folder.resolve()), "sha256": made.sums_sha256}
    if as_json:
        print_json({"type": "detoxify", "options": options})
        return
    say(f"made {made.folder}; in the settings:")
    say("classifiers:")
    say(f"  detoxify: {{type: detoxify, options: {{model: {model},")
    say(f"    converted: {options['converted']},")
    say(f"    sha256: {made.sums_sha256}}}}}")
