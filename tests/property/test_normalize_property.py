"""For any text at all: the first view is the text, and every view points back into it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from classifiers.normalize import load_tables, views
from classifiers.signals import Span

TRICKY = st.text(
    alphabet=st.sampled_from("ak1340@$ .-_&#;9xe\u200b\u0336\u0301ѕеｋ🅺é日\u00ad\ufe0f\U000e0041\u202e")
)
load_tables()  # reading them once is no part of any example's time
ANY = st.one_of(TRICKY, st.text(alphabet=st.characters(exclude_categories=["Cs"])))


@given(ANY)
def test_the_first_view_is_the_text_itself(text: str) -> None:
    """Judging as written is never skipped."""
    first = views(text)[0]
    assert (first.name, first.text) == ("original", text)


@given(ANY)
def test_every_view_points_back_into_the_text(text: str) -> None:
    """One range per character, inside the text, never empty, in reading order."""
    for view in views(text):
        assert len(view.text) == len(view.origin) == len(view.ends)
        assert all(0 <= a < b <= len(text) for a, b in zip(view.origin, view.ends, strict=True))
        assert list(view.origin) == sorted(view.origin)
        if view.text:
            span = view.to_original(Span(0, len(view.text)))
            assert 0 <= span.start < span.end <= len(text)


@given(ANY)
def test_views_read_differently_and_come_in_order(text: str) -> None:
    """No name and no reading comes twice; the order is fixed."""
    found = views(text)
    order = ["original", "normalised", "folded", "decoded"]
    assert [v.name for v in found] == sorted({v.name for v in found}, key=order.index)
    assert len({v.text.casefold() for v in found}) == len(found)
    assert found == views(text)
