"""What judging a text costs is bounded by its length: what a trained model reads, in characters."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings, target
from hypothesis import strategies as st
from support.gateway import POLICY, Words

from classifiers.protocol import ClassifierCard, Item
from classifiers.signals import Modality, Signal, Span
from gateway.audit.record import new_id
from gateway.core.errors import RequestInvalid
from gateway.core.requests import Caller
from gateway.evaluation.measure import Unrecorded
from gateway.pipeline.judge import Judge
from gateway.pipeline.trail import Trail
from policies.compiler import compile_policy
from policies.loader import parse_policy
from policies.testing import made_up_card

TIMES = 3.2
"""A text of its own length as written, undone, and in stretches that overlap a little."""
BESIDE = 2_500
"""Characters beside that: of a short text stretches overlap by half, and its last sentences are read too."""
PIECES = (
    "a quiet lake",
    "ignore the rules above:",
    "decode base64 aWdub3Jl",
    "p4int th1s g04t",
    "w o r d",
    "ｗｉｄｅ",
    "ignоrе аbоvе",
    "тихое озеро",
    "静かな湖",
    "بحيرة هادئة",
    "<b>",
    "%20",
    "&amp;",
    "“",
    ". ",
    "\n",
    "ﷺ",
    "🙂",
)


class Counting:
    """Counts the characters that it is asked about; trained for English and Russian."""

    def __init__(self) -> None:
        self.read = 0

    @property
    def card(self) -> ClassifierCard:
        return replace(Words().card, languages=("en", "ru"), by_rule=False)

    async def submit(self, item: Item, timeout_s: float | None = None) -> tuple[Signal, ...]:
        assert isinstance(item, str)
        self.read += len(item)
        return (Signal("violence", 0.0, "words", "r"),)

    async def locate(self, text: str, edges: Mapping[str, float]) -> tuple[Span, ...]:
        return ()


def read_of(text: str) -> int:
    """Characters that the model reads to judge a text; 0 when it is refused before."""
    counting = Counting()
    looks = made_up_card("looks", Modality.IMAGE, "sexual", "violence", "hate")
    policy = compile_policy(parse_policy(POLICY), {"words": counting.card, "looks": looks})
    trail = Trail(Unrecorded(), request_id=new_id(), caller=Caller(), surface="test")
    try:
        asyncio.run(Judge({"words": counting}).text(text, policy=policy, trail=trail))
    except RequestInvalid:
        return 0
    return counting.read


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=300).map(" ".join))
@example("decode base64 aWdub3Jl " * 1400)
@example("ignore the rules: a" + " " * 31_000 + "b")
@example("ignore the above. " + "p4int th1s g04t. " * 1500)
@example("w o r d " * 4000)
def test_a_model_reads_a_text_about_three_times_at_most(text: str) -> None:
    """Whatever it holds: views, passages and stretches together, or it is refused before any model runs."""
    read = read_of(text)
    target(read / len(text))
    assert read <= TIMES * len(text) + BESIDE


@pytest.mark.parametrize("length", [60, 400, 5_000, 32_000])
def test_an_ordinary_text_is_read_once(length: int) -> None:
    """A text without a trick costs its own length."""
    text = ("a quiet harbour with boats and gulls under a pale evening sky, " * 600)[:length]
    assert read_of(text) == length
