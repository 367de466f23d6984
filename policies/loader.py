"""Files and text → a strict document that still knows where everything stood.

Duty: the only module of this package that reads files. What the document means is the compiler's business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from policies.document import PolicyDocument
from policies.errors import Diagnostic, PolicyError
from policies.form_errors import explain
from policies.yaml_tree import MAX_SIZE_BYTES, YamlTree, parse_tree

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Loaded(Generic[ModelT]):
    """A document and the tree that it came from, for later messages."""

    document: ModelT
    tree: YamlTree


def read_text(path: Path, file: str | None = None) -> str:
    """Return a file's text; `file` is the name that messages use (the path as given, by default).

    Raises:
        PolicyError: no such file, not readable, larger than 256 kB or not UTF-8.
    """
    shown = str(path) if file is None else file
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_SIZE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise PolicyError.plain(f"can't be read: {reason}", file=shown) from error
    if len(content) > MAX_SIZE_BYTES:
        raise PolicyError.plain(f"the file is larger than {MAX_SIZE_BYTES // 1000} kB", file=shown)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PolicyError.plain("is not UTF-8 text", file=shown, hint="save it as UTF-8") from error


def policy_files(folder: Path) -> list[Path]:
    """Return a folder's policy files (`*.yaml`, `*.yml`; not `*_test.*`, not hidden), sorted by name.

    Raises:
        PolicyError: no such folder, or not readable.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise PolicyError.plain(f"the folder can't be read: {reason}", file=folder.name) from error
    return [path for path in files if not path.stem.endswith("_test") and not path.name.startswith(".")]


def load_policy(path: Path, file: str | None = None) -> Loaded[PolicyDocument]:
    """Read a policy file into its document.

    Raises:
        PolicyError: with every problem of the form found.
    """
    shown = str(path) if file is None else file
    return parse_policy(read_text(path, shown), shown)


def parse_policy(text: str, file: str = "policy.yaml") -> Loaded[PolicyDocument]:
    """Read a policy's text into its document; `file` is the name that messages use.

    Raises:
        PolicyError: with every problem of the form found.
    """
    return parse_document(text, file, PolicyDocument)


def parse_document(text: str, file: str, model: type[ModelT]) -> Loaded[ModelT]:
    """Read YAML text into any strict model.

    Raises:
        PolicyError: with every problem of the form found.
    """
    tree = parse_tree(text, file)
    try:
        return Loaded(model.model_validate(tree.value), tree)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise PolicyError(_in_order(explain(tree, model, detail) for detail in details)) from error


def _in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    return sorted(diagnostics, key=lambda diagnostic: (diagnostic.line, diagnostic.column))
