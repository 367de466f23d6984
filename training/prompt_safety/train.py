"""The loop: rows to length-sorted batches, masked losses, checkpoints.

Duty: fit the network to the corpus. One thread; bf16 where the processor has AMX, else fp32.
"""

from __future__ import annotations

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
from training.prompt_safety.network import PromptSafetyNetwork, backbone_folder
from training.prompt_safety.resume import resume
from training.prompt_safety.rows import HEADS, Row

MAX_TOKENS: Final = 126
_CHUNK: Final = 4096
_TOKENS_A_BATCH: Final = 2560
_ROWS_A_BATCH: Final = 80
_CLS: Final = 101
_SEP: Final = 102


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the weights, besides the data."""

    samples: int
    seed: int
    rate: float
    decay: float
    frozen: int
    minutes: float = float("inf")
    start: Path | None = None
    first: int | None = None
    """Seed of the new layers' first weights, where it is another than the rest's."""


def fit(corpus: Corpus, settings: Settings, target: Path) -> PromptSafetyNetwork:
    """Train and save to `target` (safetensors), every 50,000 samples and at the end."""
    torch.manual_seed(settings.seed if settings.first is None else settings.first)
    torch.set_num_threads(1)
    network = PromptSafetyNetwork.fresh()
    if settings.first is not None:
        torch.manual_seed(settings.seed)
    if settings.start is not None:
        resume(network, settings.start, settings.frozen)
    groups = network.groups(settings.rate, settings.decay, settings.frozen)
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
    bases = [group["lr"] for group in optimiser.param_groups]
    seen, losses, started, told, saved = 0, [], time.monotonic(), 0, 0
    network.train()
    for ids, mask, targets, known in _batches(corpus, settings):
        part = max(seen / settings.samples, (time.monotonic() - started) / 60 / settings.minutes)
        if part >= 1:
            break
        pace = _schedule(part)
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
        losses.append(float(loss.detach()))
        if seen - told >= 10_000:
            took = time.monotonic() - started
            print(
                f"{seen} samples, {seen / took:.0f} a second, loss {np.mean(losses[-150:]):.4f}", flush=True
            )
            told = seen
        if seen - saved >= 50_000:
            save(network, target)
            saved = seen
    save(network, target)
    return network.eval()


def save(network: PromptSafetyNetwork, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, target)


def load(source: Path) -> PromptSafetyNetwork:
    network = PromptSafetyNetwork.fresh()
    network.load_state_dict(load_file(source))
    return network.eval()


def logits_of(network: PromptSafetyNetwork, texts: Sequence[str]) -> np.ndarray:
    """Logits (texts × heads, float32) of the first window of each text."""
    tokens = tokenised(texts)
    out = np.zeros((len(texts), len(HEADS)), np.float32)
    order = sorted(range(len(texts)), key=lambda at: len(tokens[at]))
    with torch.inference_mode(), _precision():
        for begin in range(0, len(order), 64):
            places = order[begin : begin + 64]
            ids, mask = _padded([tokens[at] for at in places])
            out[places] = network(ids, mask).float().numpy()
    return out


def tokenised(texts: Sequence[str]) -> list[list[int]]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(backbone_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False)]


def _batches(corpus: Corpus, settings: Settings) -> Iterator[tuple[torch.Tensor, ...]]:
    """Batches of similar length, a chunk at a time, in random order within the chunk."""
    order = np.random.default_rng(settings.seed)
    chunk: list[Row] = []
    for row in corpus.draws(settings.samples, settings.seed):
        chunk.append(row)
        if len(chunk) == _CHUNK:
            yield from _chunk_batches(chunk, order)
            chunk = []
    if chunk:
        yield from _chunk_batches(chunk, order)


def _chunk_batches(chunk: Sequence[Row], order: np.random.Generator) -> Iterator[tuple[torch.Tensor, ...]]:
    tokens = tokenised([row.text for row in chunk])
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
            for column, head in enumerate(HEADS):
                if head in chunk[at].targets:
                    targets[line, column] = chunk[at].targets[head]
                    known[line, column] = chunk[at].weight
        yield ids, mask, targets, known


def _padded(tokens: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(len(each) for each in tokens) + 2
    width += -width % 8
    ids = torch.zeros(len(tokens), width, dtype=torch.long)
    mask = torch.zeros(len(tokens), width, dtype=torch.long)
    for line, each in enumerate(tokens):
        ids[line, : len(each) + 2] = torch.tensor([_CLS, *each, _SEP])
        mask[line, : len(each) + 2] = 1
    return ids, mask


def _schedule(part: float) -> float:
    """Warm-up over the first twentieth, then straight down to nothing."""
    return min(part / 0.05 + 0.01, 1.0) if part < 0.05 else max((1 - part) / 0.95, 0.01)


def _precision() -> Any:
    fast = torch.cpu._is_amx_tile_supported()  # noqa: SLF001  # there is no public question
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast)
