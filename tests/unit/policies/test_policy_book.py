"""The policies a server holds: names, an operator's own, and reloads that keep the old on error."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from classifiers.protocol import ClassifierCard
from classifiers.signals import Modality
from policies.book import LIBRARY, PolicyBook
from policies.decision import PolicyRef, Stage
from policies.errors import PolicyError
from policies.testing import made_up_card

CARDS = {
    card.name: card
    for card in (
        made_up_card(
            "wordlist", Modality.TEXT, "profanity", "harassment", "hate", "sexual", "violence", "minor"
        ),
        made_up_card("minor-cues", Modality.TEXT, "minor"),
        made_up_card("language", Modality.TEXT, "uncovered-language"),
        made_up_card(
            "prompt-safety",
            Modality.TEXT,
            *("violence", "violence/graphic", "violence/real-world", "self-harm"),
            *("illicit", "harassment", "sexual"),
        ),
        made_up_card("opennsfw", Modality.IMAGE, "sexual"),
        made_up_card("nsfw-inception", Modality.IMAGE, "sexual"),
        made_up_card(
            "picture-concepts", Modality.IMAGE, "violence", "violence/graphic", "harassment", "illicit/drugs",
            "regulated/tobacco", "regulated/alcohol", "regulated/gambling", "hazard",
        ),
    )
}  # fmt: skip
OWN = """
name: own
description: an operator's
owner: tests
rewrite: {mode: off}
bands: {default: {low: 0.3, medium: 0.6, high: 0.9}}
stages:
  prompt:
    classifiers:
      - {name: wordlist, timeout_ms: 10}
      - {name: prompt-safety, timeout_ms: 10, on_failure: allow, reason: slow, until: 2026-06-30}
    rules: [{id: one, when: {category: hate, at_least: low}, action: block}]
  image: {skip: {reason: text only, date: 2026-01-01}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    own = tmp_path / "mine"
    own.mkdir()
    (own / "own.yaml").write_text(OWN)
    return own


def book(folder: Path, cards: dict[str, ClassifierCard] = CARDS) -> PolicyBook:
    return PolicyBook(cards, [folder])


def test_a_book_serves_the_library_and_the_operators_own(folder: Path) -> None:
    """Names come from both; an unknown name is a PolicyError that lists them."""
    shelf = book(folder)
    assert shelf.names == ("default", "own", "permissive", "strict")
    assert shelf.get("own").ref.name == "own"
    with pytest.raises(PolicyError, match='no policy named "nope"') as caught:
        shelf.get("nope")
    assert "default, own, permissive, strict" in str(caught.value)


def test_an_operators_file_takes_the_place_of_the_librarys(folder: Path) -> None:
    """A file named like a library policy serves instead of it."""
    (folder / "strict.yaml").write_text(OWN.replace("name: own", "name: strict"))
    assert book(folder).get("strict").description == "an operator's"


def test_a_library_policy_that_can_not_be_served_is_set_aside(folder: Path) -> None:
    """Without the image classifier the library does not compile: asked for, it says why; the rest serves."""
    cards = {name: card for name, card in CARDS.items() if name != "opennsfw"}
    shelf = book(folder, cards)
    assert shelf.names == ("own",)
    assert set(shelf.unusable) == {"default", "permissive", "strict"}
    with pytest.raises(PolicyError, match='no classifier named "opennsfw"') as caught:
        shelf.get("default")
    assert str(caught.value).startswith("library/default.yaml:")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (OWN.replace("hate", "hatred"), "unknown category"),
        (OWN.replace("name: own", "name: other"), 'the policy "other"'),
        ("", "empty"),
    ],
)
def test_a_wrong_file_of_the_operator_refuses_the_book(folder: Path, text: str, words: str) -> None:
    """An operator's own file is never set aside silently, and messages carry no folder path."""
    (folder / "own.yaml").write_text(text)
    with pytest.raises(PolicyError, match=words) as caught:
        book(folder)
    assert str(caught.value).startswith("mine/own.yaml")
    assert str(folder.parent) not in str(caught.value)


def test_two_files_with_one_name_are_refused(folder: Path) -> None:
    """own.yaml beside own.yml is refused instead of one winning."""
    (folder / "own.yml").write_text(OWN)
    with pytest.raises(PolicyError, match="a second file carries the policy name"):
        book(folder)


def test_a_reload_reports_what_changed_and_keeps_what_a_request_holds(folder: Path) -> None:
    """A changed file serves after the reload; who holds the old policy keeps it."""
    shelf = book(folder)
    held = shelf.get("own")
    assert shelf.reload().changed == ()
    (folder / "own.yaml").write_text(OWN.replace("at_least: low", "at_least: high"))
    report = shelf.reload()
    assert report.ok
    assert report.changed == (shelf.get("own").ref,)
    assert "without being inspected" in report.warnings[0]
    assert shelf.get("own").ref != held.ref
    assert held.plan(Stage.PROMPT).classifiers[0].timeout_ms == 10


def test_new_policies_serve_once_they_are_told(folder: Path) -> None:
    """Who is told of a reload still sees the old policies, and what it raises keeps them."""
    shelf = book(folder)
    old, seen = shelf.get("own"), []
    (folder / "own.yaml").write_text(OWN.replace("at_least: low", "at_least: high"))

    def refuse(refs: tuple[PolicyRef, ...]) -> None:
        seen.append((shelf.get("own").ref, refs))
        raise RuntimeError("no record")

    with pytest.raises(RuntimeError, match="no record"):
        shelf.reload(tell=refuse)
    assert shelf.get("own") is old
    [(serving, told)] = seen
    assert serving == old.ref
    assert old.ref not in told
    assert [ref.name for ref in told] == list(shelf.names)


def test_a_reload_that_fails_keeps_every_old_policy(folder: Path) -> None:
    """One wrong file: nothing changes, not even the files that are right, and the error is handed back."""
    shelf = book(folder)
    before = {name: shelf.get(name) for name in shelf.names}
    (folder / "own.yaml").write_text(OWN.replace("at_least: low", "at_least: high"))
    (folder / "zwrong.yaml").write_text("name: [")
    report = shelf.reload()
    assert not report.ok
    assert "mine/zwrong.yaml" in str(report.error)
    assert {name: shelf.get(name) for name in shelf.names} == before


def test_a_leave_to_fail_open_ends_with_its_last_day(folder: Path) -> None:
    """The day after, the classifier fails closed under a new revision, whatever the file says by then."""
    shelf = PolicyBook(CARDS, [folder], today=dt.date(2026, 6, 1))
    before, told = shelf.get("own"), []
    assert shelf.open_until == dt.date(2026, 6, 30)
    (folder / "own.yaml").write_text("name: [")
    shelf.close_expired(dt.date(2026, 6, 30), told.append)
    assert (shelf.get("own"), told) == (before, [])
    shelf.close_expired(dt.date(2026, 7, 1), told.append)
    after = shelf.get("own")
    assert [use.on_failure for use in before.plan(Stage.PROMPT).classifiers] == ["block", "allow"]
    assert [use.on_failure for use in after.plan(Stage.PROMPT).classifiers] == ["block", "block"]
    assert told == [(after.ref,)]
    assert after.ref != before.ref
    assert shelf.open_until is None
    assert shelf.names == ("default", "own", "permissive", "strict")


def test_a_leave_that_can_not_be_ended_on_record_is_asked_again(folder: Path) -> None:
    """When the new revision can't go on record nothing serves under it yet, and the error is the caller's."""
    shelf = PolicyBook(CARDS, [folder], today=dt.date(2026, 6, 1))
    before = shelf.get("own")

    def refuse(_refs: object) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        shelf.close_expired(dt.date(2026, 7, 1), refuse)
    assert shelf.get("own") is before
    assert shelf.open_until == dt.date(2026, 6, 30)


def test_a_reload_drops_what_is_gone(folder: Path) -> None:
    """A deleted file's policy no longer serves, and the report names it."""
    shelf = book(folder)
    gone = shelf.get("own").ref
    (folder / "own.yaml").unlink()
    assert shelf.reload().removed == (gone,)
    assert "own" not in shelf.names


def test_a_library_policy_that_turns_unusable_fails_the_reload(folder: Path, tmp_path: Path) -> None:
    """A policy that serves does not vanish because its new text is wrong."""
    library = tmp_path / "library"
    library.mkdir()
    (library / "default.yaml").write_text((LIBRARY / "default.yaml").read_text())
    shelf = PolicyBook(CARDS, [folder], library=library)
    served = shelf.get("default")
    (library / "default.yaml").write_text("name: default")
    assert not shelf.reload().ok
    assert shelf.get("default") is served


def test_a_folder_that_vanishes_fails_the_reload(folder: Path) -> None:
    """A folder that can't be read is an error, not an empty set of policies."""
    shelf = book(folder)
    (folder / "own.yaml").unlink()
    folder.rmdir()
    assert not shelf.reload().ok
    assert "own" in shelf.names


def test_a_reload_ends_an_expired_leave(folder: Path) -> None:
    """The day given to reload ends a fail-open whose last day is over."""
    shelf = book(folder)
    assert shelf.get("own").plan(Stage.PROMPT).classifiers[1].on_failure == "allow"
    shelf.reload(dt.date(2026, 7, 1))
    assert shelf.get("own").plan(Stage.PROMPT).classifiers[1].on_failure == "block"
