"""Hostile and clumsy files: what the loader takes, what it refuses, and where it points."""

from __future__ import annotations

import time
from pathlib import Path

import jsonschema_rs
import pytest

from policies.document import MAX_NESTING, policy_json_schema
from policies.errors import MAX_SHOWN, Diagnostic, PolicyError
from policies.loader import load_policy, parse_policy, policy_files, read_text
from policies.yaml_tree import MAX_DEPTH, MAX_SIZE_BYTES, parse_tree

LIBRARY = Path(__file__).parents[3] / "policies" / "library"


def refusal(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        parse_tree(text, "t.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: off", "off"),
        ("a: yes", "yes"),
        ("a: 2026-11-23", "2026-11-23"),
        ("a: 010", 10),
        ("a: 0o17", 15),
        ("a: 0x1F", 31),
        ("a: 1_000", "1_000"),
        ("a: 12:30", "12:30"),
        ("a: .5", 0.5),
        ("a: 1e3", 1000.0),
        ("a: ~", None),
        ("a:", None),
        ("a: true", True),
        ("a: 'true'", "true"),
        ("a: '5'", "5"),
        ("a: |\n  5", "5"),
        ("a: [1, two]", (1, "two")),
        ("a: <<", "<<"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    """Scalars are read by the core schema: off, dates and sexagesimals are text; quoted means text."""
    assert parse_tree(text, "t.yaml").value == {"a": value}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x 1\nb: *x", "anchor"),
        ("a: !!python/object:os.system 1", "tag"),
        ("a: ! 1", "tag"),
        ("!t {a: 1}", "tag"),
        ("!t a: 1", "key must be plain text"),
        ("? [a]\n: 1", "key must be plain text"),
        ("a: 1\na: 2", "second time"),
        ("%TAG ! tag:x,2000:\n---\na: 1", "directive"),
        ("a: 1\n---\nb: 2", "second document"),
        ("", "empty"),
        ("# only a comment", "empty"),
        ("a: [", "not valid YAML"),
        ("a: \x00", "not valid YAML"),
        ('a: "\\UFFFFFFFF"', "not valid YAML"),
        ('a: "\\ud800"', "surrogate"),
        ("a: \ud800", "not valid YAML"),
        (f"a: {'9' * 5000}", "number this long"),
        ("a: " + "[" * 100_000, "deeper"),
        ("a:\n" + "".join(f"{' ' * i}-\n" for i in range(1, 200)), "deeper"),
        ("x" * (MAX_SIZE_BYTES + 1), "larger than 256 kB"),
    ],
    ids=range(20),
)
def test_what_is_past_a_limit_is_refused(text: str, words: str) -> None:
    """Each limit and each forbidden feature ends in a PolicyError that names it."""
    assert words in refusal(text)


def test_an_alias_bomb_is_refused_at_once() -> None:
    """The well-known few-hundred-byte bomb is refused at its first anchor, in no time."""
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    start = time.perf_counter()
    assert "anchor" in refusal(bomb)
    assert time.perf_counter() - start < 20


def test_the_deepest_allowed_nesting_is_read() -> None:
    """Twenty levels pass, twenty-one do not."""
    assert parse_tree("[" * MAX_DEPTH + "]" * MAX_DEPTH, "t.yaml").value is not None
    assert "deeper than 20" in refusal("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))


def test_every_double_key_is_reported_at_once() -> None:
    """Two double keys give two problems, each naming the line of the first."""
    text = refusal("a: 1\nb: 2\na: 3\nb: 4")
    assert "t.yaml:3:1" in text
    assert "t.yaml:4:1" in text
    assert "first given in line 2" in text


def test_a_file_that_is_missing_or_not_text_is_a_policy_error(tmp_path: Path) -> None:
    """Whatever is wrong with the file itself is told by name, as a PolicyError."""
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("name: caf\xe9".encode("latin-1"))
    large = tmp_path / "large.yaml"
    large.write_bytes(b"x" * (MAX_SIZE_BYTES + 1))
    for path, words in (
        (tmp_path / "none.yaml", "can't be read"),
        (tmp_path, "can't be read"),
        (latin, "not UTF-8"),
        (large, "larger than"),
    ):
        with pytest.raises(PolicyError, match=words):
            read_text(path)


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    """A file saved with a BOM reads like one without."""
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: x")
    assert read_text(path) == "name: x"


def test_a_folder_lists_policies_only(tmp_path: Path) -> None:
    """Tests, hidden files and other suffixes are not policies."""
    for name in ("b.yaml", "a.yml", "a_test.yml", ".c.yaml", "d.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in policy_files(tmp_path)] == ["a.yml", "b.yaml"]
    with pytest.raises(PolicyError, match="folder can't be read"):
        policy_files(tmp_path / "none")


def test_a_document_that_is_no_mapping_is_refused() -> None:
    """A list or a word at the top is told to be a mapping."""
    for text in ("[a, b]", "policy", "12"):
        with pytest.raises(PolicyError, match="must be a mapping"):
            parse_policy(text)


def test_a_rule_nested_beyond_reading_is_refused() -> None:
    """any/all nest four deep; a fifth level is refused with the fix."""
    when = "{category: hate, at_least: low}"
    for _level in range(MAX_NESTING + 1):
        when = f"{{any: [{when}]}}"
    text = (LIBRARY / "strict.yaml").read_text().replace("{category: hate, at_least: low}", when)
    with pytest.raises(PolicyError, match="make several rules of it"):
        parse_policy(text)


def test_many_problems_are_shown_up_to_a_bound() -> None:
    """Twenty problems are shown in full, the rest is counted."""
    error = PolicyError([Diagnostic("f", 1, 1, f"problem {index}") for index in range(MAX_SHOWN + 5)])
    assert str(error).endswith("and 5 more")
    assert len(error.diagnostics) == MAX_SHOWN + 5


def test_a_long_line_is_cut_around_the_caret() -> None:
    """A very long source line is shown as a window, with the caret under the right character."""
    line = "x" * 500 + "!" + "y" * 500
    rows = Diagnostic("f", 3, 501, "here", source_line=line).render().splitlines()
    assert len(rows[1]) < 130
    assert rows[1][rows[2].index("^")] == "!"


def test_a_tab_before_the_caret_stays_a_tab() -> None:
    """The caret's line repeats tabs, so that it lines up at any tab width."""
    rows = Diagnostic("f", 1, 3, "here", source_line="\t\tx").render().splitlines()
    assert rows[2].endswith("| \t\t^")


def test_the_library_conforms_to_the_json_schema() -> None:
    """The published JSON Schema accepts every library policy and refuses an unknown key."""
    validator = jsonschema_rs.validator_for(policy_json_schema())
    for path in policy_files(LIBRARY):
        plain = _as_json(parse_tree(path.read_text(), path.name).value)
        validator.validate(plain)
        assert not validator.is_valid({**plain, "surprise": 1})
        plain["stages"]["prompt"]["rules"][0]["when"] = {"category": "hate", "any": []}
        assert not validator.is_valid(plain)


def _as_json(value: object) -> object:
    if isinstance(value, dict):
        return {key: _as_json(entry) for key, entry in value.items()}
    return [_as_json(entry) for entry in value] if isinstance(value, tuple) else value


def test_a_path_names_the_file_in_messages(tmp_path: Path) -> None:
    """Messages name the file as it was given, or as the caller wants it shown."""
    path = tmp_path / "p.yaml"
    path.write_text("nme: x\n")
    with pytest.raises(PolicyError) as caught:
        load_policy(path, "policies/p.yaml")
    assert all(each.file == "policies/p.yaml" for each in caught.value.diagnostics)
