"""The diffusers backend beyond the contract: what it loads, what it refuses, how it fails. Tiny pipelines."""

import functools
import hashlib
import json
import shutil

import numpy as np
import pytest
import torch

from gateway.core.errors import ConfigurationError, GenerationFailed, RequestInvalid
from gateway.core.ports import GenerationRequest, Progress
from gateway.generation.diffusers_backend import DiffusersGenerator
from gateway.generation.testing import distance, pixels_of, running

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory):
    """The folder of a family's tiny pipeline, built once."""
    from support import tiny_pipelines

    @functools.cache
    def folder(family):
        return getattr(tiny_pipelines, f"tiny_{family}")(tmp_path_factory.mktemp(family))

    return folder


def make(folder, **options):
    settings = {"model": str(folder), "default_size": "64x64", "default_steps": 2, **options}
    return DiffusersGenerator.from_options("tiny", settings)


def request(*seeds, **changes):
    fields = {"negative_prompt": None, "width": 64, "height": 64, "timeout_s": 30.0} | changes
    return GenerationRequest(
        **{"request_id": "r-1", "prompt": "a red apple", "seeds": seeds or (1,)} | fields
    )


def pipe_of(generator):
    return generator._painter.loaded.pipe


async def test_the_card_tells_what_the_pipeline_takes(tiny_folder):
    """The card names the parameters that this pipeline honours, its size step, and the weights' hash."""
    async with running(make(tiny_folder("sd"))) as sd, running(make(tiny_folder("flux"))) as flux:
        pictures = {"image", "mask", "strength"}
        assert sd.card.parameters - pictures == {
            "seed", "steps", "guidance_scale", "negative_prompt", "preview",
        }  # fmt: skip
        assert pictures <= sd.card.parameters
        assert (sd.card.size_step, flux.card.size_step) == (8, 16)
        # A plain Flux takes a negative prompt and ignores it, and has no cheap previews.
        assert flux.card.parameters - pictures == {"seed", "steps", "guidance_scale"}
        assert len(sd.card.identity.sha256) == 64
        assert sd.card.identity.sha256 != flux.card.identity.sha256


async def test_the_identity_changes_with_the_weights(tiny_folder, tmp_path):
    """Another file in the folder is another sha256; the same folder is the same one."""
    copy = shutil.copytree(tiny_folder("sd"), tmp_path / "copy")
    async with running(make(tiny_folder("sd"))) as first, running(make(copy)) as same:
        assert first.card.identity.sha256 == same.card.identity.sha256
    config = copy / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace("scaled_linear", "linear"))
    async with running(make(copy)) as other:
        assert other.card.identity.sha256 != first.card.identity.sha256


async def test_a_picture_depends_on_seed_prompt_negative_and_guidance(tiny_folder):
    """Every parameter on the card changes the picture: none is accepted and ignored."""
    async with running(make(tiny_folder("sd"))) as generator:
        (plain,) = await pixels_of(generator, request(1))
        for changes in (
            {"prompt": "xyz, 0987 qqq"},
            {"negative_prompt": "zzzz yyyy xxxx 12345"},
            {"guidance_scale": 90.0},
            {"steps": 5},
        ):
            (other,) = await pixels_of(generator, request(1, **changes))
            assert distance(plain, other) > 0, changes


async def test_flux_heeds_a_negative_prompt_with_true_guidance(tiny_folder):
    """With `true_cfg_scale` set, Flux's negative prompt is on the card and acts."""
    async with running(make(tiny_folder("flux"), true_cfg_scale=50.0)) as generator:
        (plain,) = await pixels_of(generator, request(1))
        (other,) = await pixels_of(generator, request(1, negative_prompt="zzz yyy 987"))

    assert distance(plain, other) > 0


async def test_a_negative_prompt_without_guidance_is_refused(tiny_folder):
    """Guidance of 1 switches a negative prompt off, so the two together are refused."""
    async with running(make(tiny_folder("sd"))) as generator:
        with pytest.raises(RequestInvalid) as refused:
            await pixels_of(generator, request(1, negative_prompt="blurry", guidance_scale=1.0))

    assert refused.value.param == "negative_prompt"


async def test_previews_are_approximated_or_decoded(tiny_folder):
    """`auto` gives small linear previews for Stable Diffusion, `vae` full ones, `off` none at all."""
    shapes = {}
    for mode in ("auto", "vae", "off"):
        async with running(make(tiny_folder("sd"), preview=mode)) as generator:
            if "preview" not in generator.card.parameters:
                continue
            asked = request(1, preview_count=1, steps=4)
            shown = [e.previews async for e in generator.generate(asked) if isinstance(e, Progress)]
            shapes[mode] = [picture.shape for previews in shown for picture in previews]

    assert shapes == {"auto": [(8, 8, 3)], "vae": [(64, 64, 3)]}


async def test_the_scheduler_is_the_operators(tiny_folder):
    """A scheduler is set by its diffusers name; one that does not fit is refused with those that do."""
    async with running(make(tiny_folder("sd"), scheduler="EulerAncestralDiscreteScheduler")) as generator:
        assert type(pipe_of(generator).scheduler).__name__ == "EulerAncestralDiscreteScheduler"
        assert len(await pixels_of(generator, request(1, 2))) == 2
    for wrong in ("FlowMatchEulerDiscreteScheduler", "NoSuchScheduler", "StableDiffusionPipeline"):
        with pytest.raises(ConfigurationError, match=r"option scheduler: must be one of .*DDIMScheduler"):
            await make(tiny_folder("sd"), scheduler=wrong).start()


async def test_second_order_schedulers_count_their_real_steps(tiny_folder):
    """A scheduler that calls the network more often than asked reports as many steps as it takes."""
    async with running(make(tiny_folder("sd"), scheduler="HeunDiscreteScheduler")) as generator:
        events = [e async for e in generator.generate(request(1, steps=3)) if isinstance(e, Progress)]

    assert [event.step for event in events] == list(range(1, len(events) + 1))
    assert {event.steps for event in events} == {len(events)}
    assert len(events) > 3


async def test_options_that_save_memory_reach_the_model(tiny_folder):
    """Slicing and tiling are switched on in the pipeline's own parts, and it still draws."""
    saving = {"enable_attention_slicing": True, "enable_vae_slicing": True, "enable_vae_tiling": True}
    async with running(make(tiny_folder("sd"), **saving)) as generator:
        pipe = pipe_of(generator)
        assert (pipe.vae.use_slicing, pipe.vae.use_tiling) == (True, True)
        processors = {type(each).__name__ for each in pipe.unet.attn_processors.values()}
        assert processors == {"SlicedAttnProcessor"}
        assert len(await pixels_of(generator, request(1, 2))) == 2


async def test_a_profile_splits_a_request_by_its_size(tiny_folder):
    """At a size whose profile says one, three pictures take three passes; at another one pass is enough."""
    async with running(make(tiny_folder("sd"), batch_profile={"64x64": 1})) as generator:
        split = [e async for e in generator.generate(request(1, 2, 3)) if isinstance(e, Progress)]
        whole = [e async for e in generator.generate(request(1, 2, 3, width=72)) if isinstance(e, Progress)]

    assert (len(split), len(whole)) == (6, 2)


async def test_the_librarys_own_censor_is_taken_out(tiny_folder, tmp_path):
    """A pipeline saved with a safety checker runs without it: our classifiers judge, and see the picture."""
    from diffusers import StableDiffusionPipeline
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    pipe = StableDiffusionPipeline.from_pretrained(
        tiny_folder("sd"), safety_checker=None, requires_safety_checker=False, local_files_only=True
    )
    tower = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = CLIPConfig(vision_config={**tower, "image_size": 32, "patch_size": 8}, projection_dim=16)
    config._attn_implementation = "eager"
    components = {
        **pipe.components,
        "safety_checker": StableDiffusionSafetyChecker(config),
        "feature_extractor": CLIPImageProcessorPil(size={"shortest_edge": 32}),
    }
    StableDiffusionPipeline(**components).save_pretrained(tmp_path / "checked")

    async with running(make(tmp_path / "checked")) as generator:
        assert pipe_of(generator).safety_checker is None
        (pixels,) = await pixels_of(generator, request(1))

    assert pixels.any()


async def test_a_lora_is_laid_over_the_model(tiny_folder, tmp_path):
    """A local LoRA file changes the pictures and the identity; a weight of 0 leaves the pictures alone."""
    peft = pytest.importorskip("peft")
    from diffusers import StableDiffusionPipeline
    from diffusers.utils import convert_state_dict_to_diffusers

    pipe = StableDiffusionPipeline.from_pretrained(
        tiny_folder("sd"), safety_checker=None, requires_safety_checker=False, local_files_only=True
    )
    config = peft.LoraConfig(r=2, target_modules=["to_q", "to_v", "to_k"], init_lora_weights=False)
    pipe.unet.add_adapter(config)
    layers = convert_state_dict_to_diffusers(peft.get_peft_model_state_dict(pipe.unet))
    strong = {name: tensor * 20 for name, tensor in layers.items()}
    StableDiffusionPipeline.save_lora_weights(tmp_path, unet_lora_layers=strong)
    file = str(tmp_path / "pytorch_lora_weights.safetensors")

    pictures, hashes = [], set()
    for lora in (None, {"file": file}, {"file": file, "weight": 0.0}):
        async with running(make(tiny_folder("sd"), lora=lora)) as generator:
            pictures += await pixels_of(generator, request(1))
            hashes.add(generator.card.identity.sha256)

    assert distance(pictures[0], pictures[1]) > 0
    assert distance(pictures[0], pictures[2]) == 0
    assert len(hashes) == 3


async def test_a_pipeline_without_a_callback_still_counts_and_cancels(tiny_folder):
    """Where diffusers offers no callback the scheduler's steps are watched, and put back afterwards."""
    import dataclasses

    async with running(make(tiny_folder("sd"), default_steps=3)) as generator:
        painter = generator._painter
        painter._loaded = dataclasses.replace(
            painter.loaded, accepts=painter.loaded.accepts - {"callback_on_step_end"}
        )
        events = [e async for e in generator.generate(request(1)) if isinstance(e, Progress)]
        left = generator.generate(request(1, steps=50))
        await anext(left)
        await left.aclose()
        assert len(await pixels_of(generator, request(2))) == 1
        assert "step" not in vars(pipe_of(generator).scheduler)

    assert [event.step for event in events] == [1, 2, 3]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda images: np.full_like(images, np.nan),
        np.zeros_like,
        lambda images: images[:0],
        lambda images: np.concatenate([images, images]),
        lambda images: images[:, :-8],
        lambda images: images * 255,
        lambda images: None,
    ],
    ids=["nan", "black", "none", "too many", "wrong size", "range", "nothing"],
)
async def test_garbage_from_the_library_is_a_failure(tiny_folder, spoil):
    """NaN, black, missing, surplus or misshapen output is never a picture; the next request is served."""
    async with running(make(tiny_folder("sd"))) as generator:
        processor = pipe_of(generator).image_processor
        processor.postprocess = lambda image, **_: spoil(image.permute(0, 2, 3, 1).sigmoid().numpy())
        with pytest.raises(GenerationFailed):
            await pixels_of(generator, request(1))
        del processor.postprocess
        assert len(await pixels_of(generator, request(1))) == 1


async def test_an_error_inside_the_library_is_a_failure_without_words(tiny_folder):
    """Whatever the library raises reaches the caller as its class name alone, with the cause chained."""

    def fail(*_args, **_kwargs):
        raise torch.OutOfMemoryError("a red apple needs 80 GiB")

    async with running(make(tiny_folder("sd"))) as generator:
        pipe_of(generator).unet.forward = fail
        with pytest.raises(GenerationFailed, match="OutOfMemoryError") as failed:
            await pixels_of(generator, request(1))

    assert "apple" not in failed.value.message
    assert isinstance(failed.value.__cause__, torch.OutOfMemoryError)


async def test_sides_outside_the_range_are_refused(tiny_folder):
    """A side below `min_side` or above `max_side` is refused by field, though its pixels would fit."""
    async with running(make(tiny_folder("sd"), max_side=128)) as generator:
        for width, height in ((8, 64), (64, 256)):
            with pytest.raises(RequestInvalid) as refused:
                await pixels_of(generator, request(1, width=width, height=height))
            assert refused.value.param == "size"
        (wide,) = await pixels_of(generator, request(1, width=128, height=64))

    assert wide.shape == (64, 128, 3)


def _without(name):
    def spoil(folder):
        shutil.rmtree(folder / name)

    return spoil


def _corrupt(folder):
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:100])


def _foreign_class(folder):
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "_class_name": "SurprisePipeline"}))


def _no_index(folder):
    (folder / "model_index.json").unlink()


def _pickled(folder):
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.rename(file.with_suffix(".bin"))


def _not_text_to_image(folder):
    index = json.loads((folder / "model_index.json").read_text())
    changed = {key: index[key] for key in ("_diffusers_version", "unet", "scheduler")}
    (folder / "model_index.json").write_text(json.dumps({**changed, "_class_name": "DDPMPipeline"}))


@pytest.mark.parametrize(
    "spoil", [_without("unet"), _corrupt, _foreign_class, _no_index, _pickled, _not_text_to_image],
    ids=["part missing", "corrupt", "foreign class", "no index", "pickled", "no text"],
)  # fmt: skip
async def test_a_spoiled_folder_does_not_start(tiny_folder, tmp_path, spoil):
    """Missing or broken parts, pickles, foreign classes: no start, with the option named and no path."""
    folder = shutil.copytree(tiny_folder("sd"), tmp_path / "spoiled")
    spoil(folder)
    generator = make(folder)

    with pytest.raises(ConfigurationError, match="option model") as refused:
        await generator.start()

    assert str(tmp_path) not in str(refused.value)
    with pytest.raises(GenerationFailed):
        await pixels_of(generator, request(1))
    await generator.close()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"default_size": "68x64"}, "default_size"),
        ({"call_options": {"sharpness": 3}}, "call_options"),
        ({"device": "cuda:99"}, "device"),
        ({"variant": "fp8"}, "model"),
    ],
)
async def test_options_that_do_not_fit_the_model_do_not_start(tiny_folder, options, named):
    """What can be known only with the model at hand is refused at start, by option."""
    with pytest.raises(ConfigurationError, match=f"option {named}"):
        await make(tiny_folder("sd"), **options).start()


async def test_pinned_files_must_be_the_pinned_ones(tiny_folder):
    """With `sha256` a file that is missing or another one does not start; the right one does."""
    name = "unet/diffusion_pytorch_model.safetensors"
    digest = hashlib.sha256((tiny_folder("sd") / name).read_bytes()).hexdigest()

    async with running(make(tiny_folder("sd"), sha256={name: digest})) as generator:
        assert len(await pixels_of(generator, request(1))) == 1
    for wrong in ({name: "0" * 64}, {"unet/other.safetensors": digest}):
        with pytest.raises(ConfigurationError, match="option sha256"):
            await make(tiny_folder("sd"), sha256=wrong).start()


async def test_a_hub_id_is_looked_up_at_its_commit_and_offline_means_offline():
    """A pinned hub id that is not in the cache can't be had offline, and says so without a connection."""
    generator = DiffusersGenerator.from_options(
        "hub", {"model": "owner/no-such-model", "revision": COMMIT, "offline": True}
    )

    with pytest.raises(ConfigurationError, match=r"owner/no-such-model at 0123456789"):
        await generator.start()
