"""Trains the network: flow matching with x0 prediction, two one-thread processes over shared memory.

Each process computes the gradient of its half of the batch; after a barrier each one updates its half of
the weights (AdamW, EMA), which both see at once. No collective library and no spinning threads, so it
behaves on a busy machine and may be stopped and continued. Checkpoints are written atomically and hold
all that a resumed run needs: weights, EMA, optimiser moments, step, elapsed time and both random states.
The learning rate follows elapsed wall time, so that the run ends annealed at its deadline.
"""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import torch
import torch.multiprocessing as mp
from safetensors.torch import load_file, save_file

from training.emoji_diffusion import stock
from training.emoji_diffusion.compose import Composer
from training.emoji_diffusion.grid import write_grid
from training.emoji_diffusion.model import build_unet
from training.emoji_diffusion.text_states import CaptionStates

BARRIER_SECONDS = 3600
UNCAPTIONED = 0.1
"""Part of the pictures that are learnt without their caption, for guidance."""


@dataclass(frozen=True)
class Settings:
    """One run. `minutes` is the whole wall-clock budget, over all resumed pieces.

    `start` is a diffusers folder of the same network whose weights a new run begins with.
    """

    work: Path
    minutes: float = 110.0
    start: Path | None = None
    batch: int = 64
    rate: float = 8e-4
    warmup: int = 200
    seed: int = 7
    ranks: int = 2
    save_every: int = 200
    grid_every: int = 400


def pack(pictures: torch.Tensor) -> torch.Tensor:
    """N x 64 x 64 x 3 uint8 to N x 48 x 16 x 16 float in [-1, 1]."""
    return torch.nn.functional.pixel_unshuffle(pictures.permute(0, 3, 1, 2).float() / 127.5 - 1, 4)


def draw_times(count: int, random: torch.Generator) -> torch.Tensor:
    """`count` noise levels in [0, 1]: logit-normal, and every other one from the noisiest fifth.

    The noisiest levels decide what the picture shows. With the logit-normal alone (1 % above .95) the error
    from pure noise was still that of the mean picture after 1,200 steps, though it fell at every other level.
    """
    middle = torch.sigmoid(1.1 * torch.randn(count, generator=random) + 0.4)
    noisy = 0.8 + 0.2 * torch.rand(count, generator=random)
    return torch.where(torch.rand(count, generator=random) < 0.5, noisy, middle)


def rate_at(settings: Settings, step: int, elapsed: float) -> float:
    """The learning rate: linear warm-up by steps, then cosine by elapsed seconds down to 2 %."""
    done = min(1.0, elapsed / (settings.minutes * 60))
    return (
        settings.rate
        * min(1.0, (step + 1) / settings.warmup)
        * (0.02 + 0.49 * (1 + math.cos(math.pi * done)))
    )


def fit(settings: Settings) -> None:
    """Trains until the budget is spent, resuming from `work/checkpoint.safetensors` when there is one."""
    torch.manual_seed(settings.seed)
    unet = build_unet()
    if settings.start is not None:
        unet.load_state_dict(load_file(settings.start / "unet/diffusion_pytorch_model.safetensors"))
    flat = torch.cat([p.detach().reshape(-1) for p in unet.parameters()])
    shared = {name: torch.zeros_like(flat) for name in ("mean", "square")} | {
        "weights": flat,
        "ema": flat.clone(),
    }
    shared["grads"] = torch.zeros(settings.ranks, flat.numel())
    shared["random"] = torch.stack(
        [
            torch.Generator().manual_seed(settings.seed * 1000 + rank).get_state()
            for rank in range(settings.ranks)
        ]
    )
    shared["progress"] = torch.zeros(2, dtype=torch.float64)  # step, elapsed seconds
    shared["norms"] = torch.zeros(settings.ranks)
    checkpoint = settings.work / "checkpoint.safetensors"
    if checkpoint.is_file():
        for name, tensor in load_file(checkpoint).items():
            shared[name].copy_(tensor)
    for tensor in shared.values():
        tensor.share_memory_()
    context = mp.get_context("spawn")
    barrier = context.Barrier(settings.ranks)
    mp.start_processes(_worker, (settings, shared, barrier), nprocs=settings.ranks, start_method="spawn")


def _worker(rank: int, settings: Settings, shared: dict[str, torch.Tensor], barrier: Barrier) -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    unet = build_unet().to(memory_format=torch.channels_last).train()
    offset = 0
    for (
        parameter
    ) in unet.parameters():  # the network's weights and gradients are windows of the shared vectors
        end = offset + parameter.numel()
        parameter.data = shared["weights"][offset:end].view(parameter.shape)
        parameter.grad = shared["grads"][rank][offset:end].view(parameter.shape)
        offset = end
    composer, states = Composer(stock.load(settings.work)), CaptionStates()
    noises = torch.Generator()
    noises.set_state(shared["random"][rank].clone())
    mine = slice(rank * offset // settings.ranks, (rank + 1) * offset // settings.ranks)
    part, budget, running, before = (
        settings.batch // settings.ranks,
        settings.minutes * 60,
        0.0,
        time.monotonic(),
    )
    while True:
        step, elapsed = int(shared["progress"][0]), float(shared["progress"][1])
        if elapsed >= budget:
            break
        source = random.Random(f"{settings.seed}.{step}.{rank}")  # the same pictures however often resumed
        drawn = [composer.draw(source) for _ in range(part)]
        clean = pack(torch.from_numpy(np.stack([one.picture for one in drawn])))
        text = states.of(["" if source.random() < UNCAPTIONED else one.caption for one in drawn])
        t = draw_times(part, noises)
        noise = torch.randn(clean.shape, generator=noises)
        mix = t.view(-1, 1, 1, 1)
        noisy = ((1 - mix) * clean + mix * noise).contiguous(memory_format=torch.channels_last)
        shared["grads"][rank].zero_()
        with torch.autocast("cpu", torch.bfloat16):
            guess = unet(noisy, t * 1000, text, class_labels=text[:, -1]).sample
        error = (guess.float() - clean).square().mean((1, 2, 3))
        loss = (error / t.clamp(min=0.35).square()).mean()
        loss.backward()
        running = loss.item() if running == 0 else 0.98 * running + 0.02 * loss.item()
        barrier.wait(BARRIER_SECONDS)
        shared["random"][rank].copy_(noises.get_state())  # after the barrier: no save is under way here
        gradient = shared["grads"][:, mine].mean(0)
        shared["norms"][rank] = gradient.square().sum()
        barrier.wait(BARRIER_SECONDS)
        clip = min(1.0, 1.0 / (float(shared["norms"].sum().sqrt()) + 1e-6))
        rate = rate_at(settings, step, elapsed)
        _update(shared, mine, gradient.mul_(clip), step + 1, rate)
        if rank == 0:
            now = time.monotonic()
            shared["progress"] += torch.tensor([1.0, now - before], dtype=torch.float64)
            before = now
        barrier.wait(BARRIER_SECONDS)
        if rank == 0:
            if step % 20 == 0:
                facts = f"loss {running:.4f} norm {float(shared['norms'].sum().sqrt()):.3f} rate {rate:.2e}"
                spent = f"minutes {elapsed / 60:.2f} cpu {time.process_time():.0f}s"
                print(f"step {step} {spent} {facts}", flush=True)
            if (step + 1) % settings.save_every == 0:
                save(settings.work, shared)
            if (step + 1) % settings.grid_every == 0:
                write_grid(load_ema(shared), settings.work / f"grid-{step + 1:06d}.png")
    if rank == 0:
        save(settings.work, shared)
        write_grid(load_ema(shared), settings.work / "grid-final.png")


def _update(
    shared: dict[str, torch.Tensor],
    mine: slice,
    gradient: torch.Tensor,
    step: int,
    rate: float,
    chunk: int = 1 << 17,
) -> None:
    """AdamW (betas .9, .98; decay .01) and the ramped EMA over this process's half, in cache-sized pieces."""
    decay = min(0.998, (1 + step) / (10 + step))
    for start in range(mine.start, mine.stop, chunk):
        here = slice(start, min(start + chunk, mine.stop))
        grad, mean, square = (
            gradient[start - mine.start : here.stop - mine.start],
            shared["mean"][here],
            shared["square"][here],
        )
        weights, ema = shared["weights"][here], shared["ema"][here]
        mean.lerp_(grad, 0.1)
        square.mul_(0.98).addcmul_(grad, grad, value=0.02)
        scale = (square / (1 - 0.98**step)).sqrt_().add_(1e-8)
        weights.mul_(1 - rate * 0.01).addcdiv_(mean, scale, value=-rate / (1 - 0.9**step))
        ema.lerp_(weights, 1 - decay)


def save(work: Path, shared: dict[str, torch.Tensor]) -> None:
    """Writes the checkpoint to a temporary file and renames it over the last one."""
    path = work / "checkpoint.safetensors"
    names = ("weights", "ema", "mean", "square", "random", "progress")
    save_file({name: shared[name].clone() for name in names}, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").replace(path)


def load_ema(shared: dict[str, torch.Tensor]) -> torch.nn.Module:
    """The network with the averaged weights, for sampling."""
    unet = build_unet().eval()
    torch.nn.utils.vector_to_parameters(shared["ema"].clone(), unet.parameters())
    return unet
