"""What the embedded model makes of mild prompts: the words at fault gone, the subject kept."""

from __future__ import annotations

import asyncio
import re

import pytest

from classifiers.signals import Span
from gateway.ports import RewriteRequest
from gateway.rewriting import smollm2

_CASES = [
    ("a damn ugly red car on a street", "damn", "car on a street"),
    ("a stupid cat sitting on a chair", "stupid", "cat sitting on a chair"),
    ("a naked man on a beach", "naked", "man on a beach"),
    ("a bloody knight standing in a castle", "bloody", "knight standing in a castle"),
    (
        "a goddamn spaceship above the ocean, oil painting",
        "goddamn",
        "spaceship above the ocean, oil painting",
    ),
    ("an idiot driving a blue bus through a city", "idiot", "driving a blue bus through a city"),
]


@pytest.mark.models
async def test_mild_prompts_keep_their_subject() -> None:
    """In one batch: no word at fault is left, the rest of the prompt stands, and most get a detail."""
    rewriter = smollm2.from_options("smollm2", {})
    await rewriter.start()
    requests = [
        RewriteRequest(prompt, ("x",), tuple(Span(*hit.span()) for hit in re.finditer(word, prompt)))
        for prompt, word, _ in _CASES
    ]
    try:
        lines = await asyncio.gather(*(rewriter.rewrite(request) for request in requests))
    finally:
        await rewriter.close()
    for line, (_, word, kept) in zip(lines, _CASES, strict=True):
        assert word not in line
        assert kept in line
    assert sum(line.count(",") > case[0].count(",") for line, case in zip(lines, _CASES, strict=True)) >= 4
