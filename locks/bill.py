"""Write the software bill of materials that travels beside the wheel, in CycloneDX's JSON.

Duty: run.lock and models.lock → libraries, by the tool cyclonedx-py; each folder of embedded weights → one
component with its licence and its files' sha256. Run it as `make dist`. It decides nothing about versions.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from gateway import __version__

LOCKS: Final = Path(__file__).resolve().parent
ROOT: Final = LOCKS.parent
WEIGHTS: Final = (".onnx", ".safetensors")
SPDX: Final = {"apache-2.0": "Apache-2.0", "mit": "MIT"}


def main(folder: Path) -> None:
    """Write `imagegate-VERSION.cdx.json` into `folder`, checked against CycloneDX's own schema."""
    bill = _libraries()
    bill["metadata"]["component"]["version"] = __version__
    bill["components"].extend([*_weights(), _viewer()])
    text = json.dumps(bill, indent=1, sort_keys=True) + "\n"
    if (wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is not None:
        sys.exit(f"the bill of materials is not CycloneDX 1.6: {wrong}")
    (folder / f"imagegate-{__version__}.cdx.json").write_text(text, encoding="utf-8")


def _libraries() -> dict[str, Any]:
    locked = "".join((LOCKS / name).read_text(encoding="utf-8") for name in ("run.lock", "models.lock"))
    tool = str(Path(sys.executable).with_name("cyclonedx-py"))
    options = ["--output-reproducible", "--spec-version", "1.6", "--pyproject", str(ROOT / "pyproject.toml")]
    command = [tool, "requirements", *options, "-"]
    made = subprocess.run(command, input=locked, check=True, stdout=subprocess.PIPE, text=True).stdout
    bill: dict[str, Any] = json.loads(made)
    for component in bill["components"]:
        component.pop("description", None)  # the lock's own line; its hashes stand under externalReferences
    return bill


def _weights() -> Iterator[dict[str, Any]]:
    """One component a folder of models/; its files are components inside it, as CycloneDX nests them."""
    for card in sorted((ROOT / "models").glob("*/README.md")):
        licence = re.search(r"^license: (\S+)$", card.read_text(encoding="utf-8"), re.MULTILINE)
        assert licence is not None, card
        name = card.parent.name
        files = sorted(path for path in card.parent.rglob("*") if path.suffix in WEIGHTS)
        yield {
            "type": "machine-learning-model",
            "bom-ref": f"weights:{name}",
            "name": name,
            "version": __version__,
            "licenses": [{"license": {"id": SPDX[licence[1]]}}],
            "components": [
                {
                    "type": "file",
                    "bom-ref": f"weights:{name}/{path.relative_to(card.parent).as_posix()}",
                    "name": path.relative_to(card.parent).as_posix(),
                    "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
                }
                for path in files
            ],
        }


def _viewer() -> dict[str, Any]:
    """The npm package that /docs is made of."""
    page = (ROOT / "gateway" / "api" / "viewer" / "README.md").read_text(encoding="utf-8")
    taken = re.search(r"`(swagger-ui-dist)` (\S+) ", page)
    assert taken is not None
    name, version = taken.groups()
    purl = f"pkg:npm/{name}@{version}"
    licence = [{"license": {"id": "Apache-2.0"}}]
    return {
        "type": "library",
        "bom-ref": purl,
        "purl": purl,
        "name": name,
        "version": version,
        "licenses": licence,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
