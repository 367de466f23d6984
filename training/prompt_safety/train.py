"""The loop: rows to length-sorted batches, masked losses, checkpoints.

Duty: fit the network to the corpus. One thread; bf16 where the processor has AMX, else fp32.
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import binary_cross_entropy_with_logits

from training.prompt_safety.corpus import Corpus
from training.prompt_safety.network import PromptSafetyNetwork
from training.prompt_safety.rows import HEADS, WEAK, Row

MAX_TOKENS: Final = 254
"""Of a window at run time, without the two ends."""
_USUAL_TOKENS: Final = 56
_WHOLE: Final = 0.1
"""A long harmless text is read whole so often; else a piece of `_USUAL_TOKENS` stands for it."""
_POST_TOKENS: Final = 96
"""Harmful texts of the sets are cut there: their harm is hardly ever at the end alone."""
_CHUNK: Final = 4096
_TOKENS_A_BATCH: Final = 2560
_ROWS_A_BATCH: Final = 80
_BEGIN: Final = 0
_END: Final = 2


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the weights, besides the data."""

    samples: int
    seed: int
    rate: float
    decay: float
    frozen: int
    backbone: Path
    start: Path | None = None
    floor: float = 0.01
    """The learning rate at the end, as a share of the highest."""
    until: int | None = None


def fit(corpus: Corpus, settings: Settings, target: Path) -> PromptSafetyNetwork:
    """Train and save to `target` (safetensors), every 20,000 samples and at the end."""
    torch.manual_seed(settings.seed)
    torch.set_num_threads(1)
    network = PromptSafetyNetwork.fresh(settings.backbone)
    if settings.start is not None:
        network.load_state_dict(load_file(settings.start))
    groups = network.groups(settings.rate, settings.decay, settings.frozen)
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
    bases = [group["lr"] for group in optimiser.param_groups]
    seen, losses, started, told, saved = 0, [], time.monotonic(), 0, 0
    network.train()
    for ids, mask, targets, known in _batches(corpus, settings):
        pace = _schedule(seen / settings.samples, settings.floor)
        for group, base in zip(optimiser.param_groups, bases, strict=True):
            group["lr"] = base * pace
        with _precision():
            logits = network(ids, mask)
        raw = binary_cross_entropy_with_logits(logits.float(), targets, reduction="none")
        loss = (raw * known).sum() / known.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for g in groups for p in g["params"]], 1.0)
        optimiser.step()
        optimiser.zero_grad()
        seen += len(ids)
        if settings.until is not None and seen >= settings.until:
            break
        losses.append(float(loss.detach()))
        if seen - told >= 5_000:
            took = time.monotonic() - started
            print(
                f"{target.stem}: {seen} samples, {seen / took:.0f} a second, "
                f"loss {np.mean(losses[-150:]):.4f}",
                flush=True,
            )
            told = seen
        if seen - saved >= 20_000:
            save(network, target)
            saved = seen
    save(network, target)
    return network.eval()


def save(network: PromptSafetyNetwork, target: Path) -> None:
    """All parameters; whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, part)
    part.replace(target)


def load(backbone: Path, source: Path, *, attention: str = "sdpa") -> PromptSafetyNetwork:
    """The network with the weights of a checkpoint, ready to measure."""
    network = PromptSafetyNetwork.fresh(backbone, attention=attention)
    network.load_state_dict(load_file(source))
    return network.eval()


def logits_of(network: PromptSafetyNetwork, backbone: Path, texts: Sequence[str]) -> np.ndarray:
    """Logits (texts × heads, float32) of the first window of each text."""
    tokens = tokenised(backbone, texts)
    out = np.zeros((len(texts), len(HEADS)), np.float32)
    order = sorted(range(len(texts)), key=lambda at: len(tokens[at]))
    with torch.inference_mode(), _precision():
        for begin in range(0, len(order), 32):
            places = order[begin : begin + 32]
            ids, mask = _padded([tokens[at][:MAX_TOKENS] for at in places])
            out[places] = network(ids, mask).float().numpy()
    return out


def tokenised(backbone: Path, texts: Sequence[str]) -> list[list[int]]:
    """Token ids without the two ends, whole."""
    encoded = _tokenizer(backbone).encode_batch(list(texts), add_special_tokens=False)
    return [encoding.ids for encoding in encoded]


@functools.cache
def _tokenizer(backbone: Path) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(backbone / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _batches(corpus: Corpus, settings: Settings) -> Iterator[tuple[torch.Tensor, ...]]:
    """Batches of similar length, a chunk at a time, in random order within the chunk."""
    order, chance = np.random.default_rng(settings.seed), random.Random(settings.seed)
    chunk: list[Row] = []
    for row in corpus.draws(settings.samples, settings.seed):
        chunk.append(row)
        if len(chunk) == _CHUNK:
            yield from _chunk_batches(chunk, order, chance, settings.backbone)
            chunk = []
    if chunk:
        yield from _chunk_batches(chunk, order, chance, settings.backbone)


def _chunk_batches(
    chunk: Sequence[Row], order: np.random.Generator, chance: random.Random, backbone: Path
) -> Iterator[tuple[torch.Tensor, ...]]:
    whole = tokenised(backbone, [row.text[:4000] for row in chunk])
    tokens = [_piece(ids, row, chance) for ids, row in zip(whole, chunk, strict=True)]
    groups: list[list[int]] = [[]]
    for at in sorted(range(len(chunk)), key=lambda at: len(tokens[at])):
        group = groups[-1]
        if len(group) == _ROWS_A_BATCH or (len(tokens[at]) + 2) * (len(group) + 1) > _TOKENS_A_BATCH:
            groups.append(group := [])
        group.append(at)
    for place in order.permutation(len(groups)):
        group = groups[place]
        ids, mask = _padded([tokens[at] for at in group])
        targets = torch.zeros(len(group), len(HEADS))
        known = torch.zeros(len(group), len(HEADS))
        for line, at in enumerate(group):
            row = chunk[at]
            for column, head in enumerate(HEADS):
                if head in row.targets:
                    targets[line, column] = row.targets[head]
                    known[line, column] = row.weight * (WEAK if head in row.weak else 1.0)
        yield ids, mask, targets, known


def _piece(ids: list[int], row: Row, chance: random.Random) -> list[int]:
    """A harmless text is harmless in every piece; a harmful one is read from its beginning."""
    harmless = max(row.targets.values(), default=0.0) == 0.0
    if len(ids) <= _USUAL_TOKENS or chance.random() < _WHOLE:
        return ids[:MAX_TOKENS]
    if not harmless:
        return ids[: MAX_TOKENS if row.source.startswith("written") else _POST_TOKENS]
    begin = chance.choice((0, chance.randrange(len(ids) - _USUAL_TOKENS)))
    return ids[begin : begin + _USUAL_TOKENS]


def _padded(tokens: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(len(each) for each in tokens) + 2
    width += -width % 8
    ids = torch.zeros(len(tokens), width, dtype=torch.long)
    mask = torch.zeros(len(tokens), width, dtype=torch.long)
    for line, each in enumerate(tokens):
        ids[line, : len(each) + 2] = torch.tensor([_BEGIN, *each, _END])
        mask[line, : len(each) + 2] = 1
    return ids, mask


def _schedule(part: float, floor: float) -> float:
    """Warm-up over the first twentieth, then straight down to `floor`."""
    return part / 0.05 + 0.01 if part < 0.05 else max(1 - (1 - floor) * (part - 0.05) / 0.95, floor)


def _precision() -> Any:
    fast = torch.cpu._is_amx_tile_supported()  # noqa: SLF001  # there is no public question
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast)
