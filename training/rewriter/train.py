"""LoRA on the embedded chat model: rows to tokens, tokens to an adapter.

Duty: the loop. bfloat16 forward and backward (frozen weights and adapter), float32 master weights of the
adapter in the optimizer, loss on the answer alone, batches of rows of like length. It writes a checkpoint on
the way.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from gateway.rewriting.tuned import TUNED_SYSTEM, tuned_user
from training.rewriter.rows import Row

MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
MAX_TOKENS = 128
_SLOT = "IMAGEGATE-PROMPT-SLOT"


@dataclass(frozen=True, slots=True)
class Settings:
    """`minutes` is wall time; `tokens` bounds a batch (rows × longest); `rank` the adapter's."""

    base: Path
    work: Path
    minutes: float
    rank: int = 16
    alpha: int = 32
    rate: float = 1e-3
    tokens: int = 2048
    seed: int = 7
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of a whole conversation; the loss counts from `answer` on."""

    ids: list[int]
    answer: int


class Codec:
    """Rows to ids, exactly as the gateway's engine lays them out."""

    def __init__(self, base: Path) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(base, local_files_only=True)
        turns = [{"role": "system", "content": TUNED_SYSTEM}, {"role": "user", "content": _SLOT}]
        text = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        before, after = text.split(_SLOT)
        self.before = self.tokenizer.encode(before, add_special_tokens=False)
        self.after = self.tokenizer.encode(after, add_special_tokens=False)

    def question(self, row: Row) -> list[int]:
        """The ids up to the answer."""
        user = tuned_user(
            row.prompt, categories=row.categories, words=row.words, enhance=row.mode == "enhance"
        )
        middle = self.tokenizer.encode(user, add_special_tokens=False, split_special_tokens=True)
        return [*self.before, *middle, *self.after]

    def encode(self, row: Row) -> Encoded | None:
        """The row, or None when it is too long."""
        question = self.question(row)
        answer = self.tokenizer.encode(row.answer, add_special_tokens=False)
        ids = [*question, *answer, self.tokenizer.eos_token_id]
        return Encoded(ids, len(question)) if len(ids) <= MAX_TOKENS else None


def fit(rows: Sequence[Row], validation: Sequence[Row], settings: Settings) -> Path:
    """Train, and return the folder of the adapter (peft format)."""
    torch.manual_seed(settings.seed)
    codec = Codec(settings.base)
    encoded = [item for row in rows if (item := codec.encode(row))]
    print(f"{len(encoded)} of {len(rows)} rows fit {MAX_TOKENS} tokens", flush=True)
    model = adapted(settings)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    masters = [weight.detach().float().clone().requires_grad_() for weight in weights]
    optimizer = torch.optim.AdamW(masters, lr=settings.rate, betas=(0.9, 0.98), weight_decay=0.01)
    started, step, spent = time.monotonic(), 0, 0.0
    log: list[float] = []
    for batch in batches(encoded, settings.tokens, settings.seed):
        done = max(spent / settings.minutes, step / settings.steps if settings.steps else 0.0)
        if done >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * min(1.0, (step + 1) / 20) * (0.04 + 0.96 * _cosine(done))
        loss = answer_loss(model, batch, codec.tokenizer.eos_token_id)
        loss.backward()
        for master, weight in zip(masters, weights, strict=True):
            master.grad = weight.grad.float() if weight.grad is not None else None
            weight.grad = None
        torch.nn.utils.clip_grad_norm_(masters, 1.0)
        optimizer.step()
        with torch.no_grad():
            for master, weight in zip(masters, weights, strict=True):
                weight.copy_(master)
        step += 1
        log.append(float(loss.detach()))
        spent = (time.monotonic() - started) / 60
        if step % 20 == 0:
            print(f"step {step} minute {spent:.1f} loss {sum(log[-20:]) / 20:.4f}", flush=True)
        if step % 50 == 0:
            save(model, settings.work / "checkpoint")
    folder = settings.work / "adapter"
    save(model, folder)
    held = [item for row in validation if (item := codec.encode(row))]
    score = validation_loss(model, held, settings.tokens, codec.tokenizer.eos_token_id)
    facts = {
        "steps": step,
        "minutes": round(spent, 1),
        "seed": settings.seed,
        "rows": len(encoded),
        "validation_loss": round(score, 4),
        "last_loss": round(sum(log[-50:]) / len(log[-50:]), 4),
    }
    (settings.work / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(facts, flush=True)
    return folder


def adapted(settings: Settings, *, compiled: bool = True) -> Any:
    """The base model with a fresh adapter on every projection of every layer."""
    base = AutoModelForCausalLM.from_pretrained(
        settings.base, local_files_only=True, dtype=torch.bfloat16, attn_implementation="eager"
    )
    base.config.use_cache = False
    config = LoraConfig(
        r=settings.rank, lora_alpha=settings.alpha, target_modules=MODULES, task_type="CAUSAL_LM"
    )
    model = get_peft_model(base, config, autocast_adapter_dtype=False).train()
    if compiled:
        # element-wise steps in bfloat16 take most of the time in eager mode; fused, a step takes 0.6 of it
        for layer in model.get_base_model().model.layers:
            layer.compile(dynamic=True)
    return model


def batches(rows: Sequence[Encoded], tokens: int, seed: int) -> Iterator[list[Encoded]]:
    """Endless batches of at most `tokens` padded tokens; rows of like length stand together."""
    rng = random.Random(seed)
    while True:
        order = list(rows)
        rng.shuffle(order)
        packed: list[list[Encoded]] = []
        for start in range(0, len(order), 1024):
            batch: list[Encoded] = []
            here: list[list[Encoded]] = []
            for item in sorted(order[start : start + 1024], key=lambda item: len(item.ids)):
                if batch and len(item.ids) * (len(batch) + 1) > tokens:
                    here.append(batch)
                    batch = []
                batch.append(item)
            here.append(batch)
            rng.shuffle(here)
            packed += here
        yield from packed


def answer_loss(model: Any, batch: Sequence[Encoded], pad: int) -> torch.Tensor:
    """Mean cross entropy over the answers' tokens. Padding stands right: causal attention never sees it."""
    width = max(len(item.ids) for item in batch)
    ids = torch.tensor([item.ids + [pad] * (width - len(item.ids)) for item in batch])
    mask = torch.zeros_like(ids, dtype=torch.bool)
    for row, item in enumerate(batch):
        mask[row, item.answer : len(item.ids)] = True
    inner = model.get_base_model()
    states = inner.model(input_ids=ids, use_cache=False).last_hidden_state
    logits = inner.lm_head(states[:, :-1][mask[:, 1:]])
    return F.cross_entropy(logits.float(), ids[:, 1:][mask[:, 1:]])


def validation_loss(model: Any, rows: Sequence[Encoded], tokens: int, pad: int) -> float:
    """Mean loss over all rows."""
    count = max(1, sum(len(item.ids) for item in rows) // tokens)
    some = itertools.islice(batches(rows, tokens, 0), count)
    with torch.no_grad():
        losses = [float(answer_loss(model, batch, pad)) for batch in some]
    return sum(losses) / len(losses)


def save(model: Any, folder: Path) -> None:
    """Write the adapter, in bfloat16."""
    model.save_pretrained(folder, safe_serialization=True)


def _cosine(done: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
