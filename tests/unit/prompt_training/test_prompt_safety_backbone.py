"""The backbone's file: four-bit blocks and the vocabulary that is kept."""

from __future__ import annotations

import numpy as np
import pytest

from training.prompt_safety import backbone


def test_four_bit_blocks_come_back_as_the_layout_says() -> None:
    """A block is a half-precision scale and 16 bytes: low nibbles first, then high ones."""
    scale = np.array([0.5], "<f2").view(np.uint8)
    packed = np.arange(16, dtype=np.uint8) | np.uint8(15 << 4)
    block = np.concatenate([scale, packed]).tobytes()
    values = backbone._tensor(block, 1, 32)
    assert values[:16].tolist() == [0.5 * (low - 8) for low in range(16)]
    assert values[16:].tolist() == [0.5 * 7] * 16


def test_used_pieces_and_single_letters_are_kept() -> None:
    """What the texts use stays, special pieces stand first, and the rest is filled up by likelihood."""
    pytest.importorskip("sentencepiece")
    pieces = [*backbone.SPECIAL, "\u2581", "a", "b", "\u2581cab", "ab", "\u2581rare", "c", "r", "e", "\u05d0"]
    scores = np.array([0, 0, 0, 0, -2, -3, -3, -4, -5, -6, -3, -3, -3, -2.5], np.float32)
    packed = backbone.Packed(pieces, scores, {})
    kept = backbone.chosen(packed, ["cab cab ab"] * 3, 12)
    assert kept[:4] == [0, 1, 2, 3]
    names = {pieces[at] for at in kept}
    assert names >= {"\u2581cab", "a", "b", "c"}
    assert "\u05d0" not in names
