"""docs/schemas/ is what the commands print, and the files that name a schema obey it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.core.errors import ConfigurationError
from gateway.service.settings import SettingsForm, load_settings
from policies.document import policy_json_schema

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "docs" / "schemas"
LIBRARY = sorted(
    path for path in (ROOT / "policies" / "library").glob("*.yaml") if not path.stem.endswith("_test")
)
NAMED = re.compile(r"^# yaml-language-server: \$schema=(\S+)$")


@pytest.mark.parametrize("kind", ["policy", "settings"])
def test_a_published_schema_is_what_the_command_prints(kind: str) -> None:
    """Otherwise: `imagegate KIND schema > docs/schemas/KIND.schema.json`."""
    printed = CliRunner().invoke(app, [kind, "schema"])
    assert printed.exit_code == 0
    assert (SCHEMAS / f"{kind}.schema.json").read_text(encoding="utf-8") == printed.stdout


@pytest.mark.parametrize("file", [*LIBRARY, ROOT / "deploy" / "imagegate.yaml"], ids=lambda path: path.name)
def test_a_file_names_its_schema_and_obeys_it(file: Path) -> None:
    """The first line leads an editor to the right schema, and that finds nothing wrong."""
    named = NAMED.match(file.read_text(encoding="utf-8").splitlines()[0])
    assert named is not None, "the first line names no schema"
    schema = file.parent / named[1]
    assert schema.resolve().name == ("policy" if file in LIBRARY else "settings") + ".schema.json"
    validator = jsonschema_rs.validator_for(orjson.loads(schema.read_bytes()))
    assert [error.message for error in validator.iter_errors(_loaded(file))] == []


@pytest.mark.parametrize(
    ("given", "fine"),
    [
        ({}, True),
        ({"server": {"port": 9000}}, True),
        ({"rewriter": None}, True),
        ({"classifiers": {"mine": {"type": "patterns", "options": {"anything": 1}}}}, True),
        ({"sever": {}}, False),
        ({"server": {"port": 70000}}, False),
        ({"audit": {"queue_limit": 0}}, False),
        ({"classifiers": {"mine": {}}}, False),
    ],
)
def test_the_schema_and_the_gateway_agree(given: dict[str, Any], fine: bool, tmp_path: Path) -> None:
    """A settings file that the schema refuses is refused at the start, and the other way round."""
    schema = orjson.loads((SCHEMAS / "settings.schema.json").read_bytes())
    assert jsonschema_rs.is_valid(schema, given) is fine
    file = tmp_path / "settings.yaml"
    file.write_bytes(orjson.dumps(given))
    try:
        load_settings(file)
    except ConfigurationError:
        assert not fine
    else:
        assert fine


def test_every_key_says_what_it_means() -> None:
    """An editor shows a sentence on each key of the settings and on each part of a policy."""
    settings = orjson.loads((SCHEMAS / "settings.schema.json").read_bytes())
    sections = [settings, *settings["$defs"].values()]
    silent = [
        key
        for section in sections
        for key, about in section.get("properties", {}).items()
        if "description" not in about and "$ref" not in about
    ]
    assert silent == []
    assert set(settings["properties"]) == set(SettingsForm.model_fields)
    assert policy_json_schema()["properties"]["rewrite"]


def _loaded(file: Path) -> Any:
    return orjson.loads(orjson.dumps(YAML(typ="safe").load(file.read_text(encoding="utf-8")), default=str))
