"""What a vision-language judge answered → numbers. An answer in another form is an error, not a low score.

Duty: pure functions of text and logits. They load nothing and know no model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_RATINGS: Final = {"Unsafe": True, "Safe": False}
_KEYS: Final = {"rating", "category", "rationale"}


@dataclass(frozen=True, slots=True)
class Rating:
    """A JSON answer: whether the picture breaks the policy, and the code of the policy's part."""

    unsafe: bool
    code: str


def read_rating(answer: str) -> Rating:
    """Return the rating in the answer `{"rating": "Unsafe", "category": "O3: …", "rationale": "…"}`.

    The rating is Safe or Unsafe. The code is what stands before the category's colon. `rationale`
    may be absent; no other key may be there.

    Raises:
        ValueError: the answer has another form. The message holds nothing of it.
    """
    try:
        value = json.loads(answer, object_pairs_hook=_once)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError("the judge's answer is not one JSON object") from error
    if not isinstance(value, Mapping) or not {"rating", "category"} <= set(value) <= _KEYS:
        raise ValueError("the judge's answer has other keys than rating, category and rationale")
    rating, category = value["rating"], value["category"]
    if not isinstance(rating, str) or rating not in _RATINGS:
        raise ValueError("the judge's rating is neither Safe nor Unsafe")
    if not isinstance(category, str) or not category.strip():
        raise ValueError("the judge's category is not text")
    return Rating(_RATINGS[rating], category.partition(":")[0].strip())


def share(logits: Any, of: Sequence[int], against: Sequence[int]) -> float:
    """Return the probability of the tokens `of` among `of` and `against`; `logits` are one position's."""
    return float((logits[list(of)].logsumexp(0) - logits[list(against)].logsumexp(0)).sigmoid())


def word_tokens(tokenizer: Any, word: str) -> list[int]:
    """Return the ids of the single tokens that write a word, with or without a space, capital or small."""
    found: dict[int, None] = {}
    for written in (word, f" {word}", word.lower(), f" {word.lower()}"):
        ids = tokenizer.encode(written, add_special_tokens=False)
        if len(ids) == 1 and ids[0] != tokenizer.unk_token_id:
            found[ids[0]] = None
    return list(found)


def first_token(tokenizer: Any, word: str) -> int:
    """Return the id of the token that a word begins with.

    Raises:
        ValueError: the tokenizer can't write the word.
    """
    ids = tokenizer.encode(word, add_special_tokens=False)
    if not ids or ids[0] == tokenizer.unk_token_id:
        raise ValueError(f"the model's tokenizer can't write {word!r}")
    return int(ids[0])


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("the judge's answer names a key twice")
    return dict(pairs)
