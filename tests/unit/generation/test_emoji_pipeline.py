"""The embedded pipeline's promises, on a tiny random network and a stand-in text encoder."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from PIL import Image

from gateway.generation.emoji_graph import INT8_GRAPH, open_graph
from gateway.generation.emoji_pipeline import EmojiDiffusionPipeline
from gateway.generation.emoji_upscale import upscale

WIDTH = 16
SHIPPED = Path(__file__).parents[3] / "models" / "emoji-diffusion"


def _encode(prompts: list[str]) -> torch.Tensor:
    rows = [torch.randn(5, WIDTH, generator=_seed(zlib.crc32(text.encode()))) for text in prompts]
    return torch.stack(rows)


def _seed(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


@pytest.fixture(scope="module")
def pipe() -> EmojiDiffusionPipeline:
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=48,
        out_channels=48,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=2,
        norm_num_groups=4,
        class_embed_type="simple_projection",
        projection_class_embeddings_input_dim=WIDTH,
    )
    pipeline = EmojiDiffusionPipeline(unet, FlowMatchEulerDiscreteScheduler(shift=1.0), encode=_encode)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _draw(
    pipe: EmojiDiffusionPipeline, prompt: str | list[str] = "an apple", seed: int = 1, **options: Any
) -> Any:
    settings: dict[str, Any] = {"height": 64, "width": 64, "num_inference_steps": 3, "generator": _seed(seed)}
    return pipe(prompt, **(settings | options)).images


def test_same_seed_same_bytes(pipe: EmojiDiffusionPipeline) -> None:
    """The same prompt and seed give the same bytes."""
    assert _draw(pipe).tobytes() == _draw(pipe).tobytes()


def test_different_seeds_differ(pipe: EmojiDiffusionPipeline) -> None:
    """Another seed gives another picture."""
    assert np.abs(_draw(pipe, seed=1) - _draw(pipe, seed=2)).max() > 0.05


def test_prompt_changes_picture(pipe: EmojiDiffusionPipeline) -> None:
    """Another prompt gives another picture."""
    assert np.abs(_draw(pipe, "an apple") - _draw(pipe, "a dog")).max() > 1e-3


def test_negative_prompt_changes_picture(pipe: EmojiDiffusionPipeline) -> None:
    """A negative prompt takes the unconditional side; the empty one is no negative prompt."""
    plain = _draw(pipe)
    assert np.abs(_draw(pipe, negative_prompt="red") - plain).max() > 1e-3
    assert _draw(pipe, negative_prompt="").tobytes() == plain.tobytes()


@pytest.mark.parametrize("begun", [{}, {"image": Image.new("RGB", (64, 64), "red"), "strength": 0.34}])
def test_a_single_step_is_guided(pipe: EmojiDiffusionPipeline, begun: dict[str, Any]) -> None:
    """However few the steps, from noise or from a picture, the negative prompt has its say."""
    plain, other = (
        _draw(pipe, num_inference_steps=3 if begun else 1, negative_prompt=negative, **begun)
        for negative in (None, "red")
    )
    assert np.abs(plain - other).max() > 1e-3


def test_no_guidance_no_negative_prompt(pipe: EmojiDiffusionPipeline) -> None:
    """Without guidance the negative prompt has no say."""
    off = _draw(pipe, guidance_scale=1.0)
    assert _draw(pipe, guidance_scale=1.0, negative_prompt="red").tobytes() == off.tobytes()


def test_batch_equals_singles(pipe: EmojiDiffusionPipeline) -> None:
    """With a generator each, a picture is the same alone and in a batch, up to float noise."""
    prompts = ["an apple", "a dog", "a car"]
    batch = _draw(pipe, prompts, generator=[_seed(n) for n in range(3)])
    alone = [_draw(pipe, prompt, seed=n)[0] for n, prompt in enumerate(prompts)]
    np.testing.assert_allclose(batch, np.stack(alone), atol=2e-3)


def test_images_per_prompt(pipe: EmojiDiffusionPipeline) -> None:
    """Several pictures per prompt come in prompt order, and differ."""
    images = _draw(pipe, ["an apple", "a dog"], num_images_per_prompt=2)
    assert images.shape == (4, 64, 64, 3)
    assert np.abs(images[0] - images[1]).max() > 0.05


def test_callback_once_per_step(pipe: EmojiDiffusionPipeline) -> None:
    """The callback sees every step once, in order, with the pipeline and its latents."""
    seen: list[tuple[Any, int, tuple[int, ...]]] = []

    def note(owner: Any, index: int, time: torch.Tensor, tensors: dict[str, Any]) -> dict[str, Any]:
        seen.append((owner, index, tuple(tensors["latents"].shape)))
        return tensors

    _draw(pipe, callback_on_step_end=note)
    assert seen == [(pipe, index, (1, 48, 16, 16)) for index in range(3)]


class _Cancelled(Exception):
    pass


def test_cancel_within_one_step(pipe: EmojiDiffusionPipeline) -> None:
    """What the callback raises ends the call before the next step."""
    steps: list[int] = []

    def stop(owner: Any, index: int, time: torch.Tensor, tensors: dict[str, Any]) -> dict[str, Any]:
        steps.append(index)
        raise _Cancelled

    with pytest.raises(_Cancelled):
        _draw(pipe, callback_on_step_end=stop)
    assert steps == [0]
    assert _draw(pipe).tobytes() == _draw(pipe).tobytes()


def test_preview_is_small_and_becomes_the_picture(pipe: EmojiDiffusionPipeline) -> None:
    """Previews are 64 × 64 uint8; the last one is the finished picture before enlargement."""
    shown: list[np.ndarray[Any, Any]] = []
    ends: list[torch.Tensor] = []

    def look(owner: Any, index: int, time: torch.Tensor, tensors: dict[str, Any]) -> dict[str, Any]:
        shown.append(owner.preview(tensors["latents"]))
        ends.append(tensors["latents"])
        return {}

    _draw(pipe, callback_on_step_end=look)
    assert all(picture.shape == (1, 64, 64, 3) and picture.dtype == np.uint8 for picture in shown)
    np.testing.assert_array_equal(shown[-1], pipe.preview(ends[-1]))


@pytest.mark.parametrize(
    "options",
    [
        {"num_inference_steps": 0},
        {"height": 60},
        {"width": 4096},
        {"height": 100},
        {"output_type": "jpeg"},
        {"num_images_per_prompt": 0},
        {"generator": [torch.Generator(), torch.Generator()]},
        {"negative_prompt": ["one", "two"]},
        {"callback_on_step_end_tensor_inputs": ["prompt_embeds"]},
    ],
)
def test_bad_arguments_are_refused(pipe: EmojiDiffusionPipeline, options: dict[str, Any]) -> None:
    """Arguments out of range raise ValueError before any step."""
    with pytest.raises(ValueError):  # noqa: PT011  # each message is its own
        _draw(pipe, **options)


def test_no_prompt_is_refused(pipe: EmojiDiffusionPipeline) -> None:
    """An empty list of prompts raises ValueError."""
    with pytest.raises(ValueError, match="prompt"):
        _draw(pipe, [])


def test_output_types_agree(pipe: EmojiDiffusionPipeline) -> None:
    """The output types show the same picture; sizes are width by height."""
    as_np = _draw(pipe, width=128)
    as_pt = _draw(pipe, width=128, output_type="pt")
    as_pil = _draw(pipe, width=128, output_type="pil")
    assert as_pil[0].size == (128, 64)
    np.testing.assert_allclose(as_pt.permute(0, 2, 3, 1).numpy(), as_np)
    np.testing.assert_allclose(np.asarray(as_pil[0]) / 255, as_np[0], atol=0.003)
    assert _draw(pipe, output_type="latent").shape == (1, 48, 16, 16)


def test_save_and_load(pipe: EmojiDiffusionPipeline, tmp_path: Path) -> None:
    """A saved pipeline loads again and draws the same picture."""
    pipe.save_pretrained(tmp_path)
    again = EmojiDiffusionPipeline.from_pretrained(tmp_path, encode=_encode, local_files_only=True)
    again.set_progress_bar_config(disable=True)
    assert _draw(again).tobytes() == _draw(pipe).tobytes()


def test_upscale_keeps_the_range() -> None:
    """A hard edge stays hard and neither overshoots nor rings."""
    small = torch.zeros(1, 3, 64, 64)
    small[:, :, 20:44, 20:44] = 0.7
    big = upscale(small, 512, 512)
    assert big.min() >= 0
    assert big.max() <= 0.7 + 1e-3
    middle = big[0, 0, 256]
    assert int(((middle > 0.05) & (middle < 0.65)).sum()) <= 16


def test_upscale_centres_on_the_border_colour() -> None:
    """A wide picture holds the square one in the middle, on its border colour."""
    small = torch.full((1, 3, 64, 64), 0.25)
    small[:, :, 30:34, 30:34] = 1.0
    wide = upscale(small, 192, 64)
    assert wide.shape == (1, 3, 64, 192)
    assert wide[0, 0, 32, 96] == pytest.approx(1.0, abs=0.05)
    np.testing.assert_allclose(wide[0, :, 5, 5].numpy(), 0.25, atol=1e-5)


def test_without_a_graph_torch_draws(pipe: EmojiDiffusionPipeline) -> None:
    """A network with no graph beside its weights is run by torch."""
    assert open_graph(pipe.unet) is None


def test_guidance_is_measured_in_every_second_step(
    pipe: EmojiDiffusionPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of sixteen steps the first twelve are guided, and six of those ask what is not wanted: the two of them
    that see little but noise, once for each negative prompt.
    """
    asked: list[int] = []
    answer = pipe._predict

    def counted(latents: torch.Tensor, time: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        asked.append(len(text))
        return answer(latents, time, text)

    monkeypatch.setattr(pipe, "_predict", counted)
    _draw(pipe, num_inference_steps=16)
    assert asked == [2, 1] * 6 + [1] * 4
    asked.clear()
    _draw(pipe, ["an apple"] * 3, num_inference_steps=16, generator=[_seed(n) for n in range(3)])
    assert asked == [4, 3, 4, 3, *[6, 3] * 4, *[3] * 4]
    asked.clear()
    negative = ["red", "blue", "red"]
    seeds = [_seed(n) for n in range(3)]
    _draw(pipe, ["an apple"] * 3, num_inference_steps=4, generator=seeds, negative_prompt=negative)
    assert asked == [5, 3, 6, 3]


NEEDS_VNNI = pytest.mark.skipif(
    not torch.cpu._is_vnni_supported(),  # there is no public question
    reason="int8 products are for processors with VNNI",
)


@pytest.mark.models
@pytest.mark.parametrize("int8", [pytest.param(True, marks=NEEDS_VNNI), False])
def test_shipped_graph_matches_the_shipped_network(int8: bool) -> None:
    """A shipped ONNX graph gives the shipped network's answers, and changed weights are noticed."""
    unet = UNet2DConditionModel.from_pretrained(SHIPPED / "unet", local_files_only=True)
    session = open_graph(unet, int8=int8)
    assert (INT8_GRAPH in session._model_path) == int8
    with torch.no_grad():
        unet.mid_block.resnets[0].conv1.weight[0, 0, 0, 0] += 1e-3
    assert open_graph(unet, int8=int8) is None


@pytest.mark.models
@NEEDS_VNNI
def test_int8_draws_nearly_the_float_picture() -> None:
    """Rounding moves a picture a little, and each way of drawing gives its own bytes again."""
    drawn = {}
    for int8 in (True, False):
        pipe = EmojiDiffusionPipeline.from_pretrained(SHIPPED, local_files_only=True)
        pipe.set_progress_bar_config(disable=True)
        pipe.int8 = int8
        first, again = (_draw(pipe, "a red apple", num_inference_steps=8) for _ in range(2))
        assert np.array_equal(first, again)
        drawn[int8] = first
    assert 0 < np.abs(drawn[True] - drawn[False]).mean() < 0.03
