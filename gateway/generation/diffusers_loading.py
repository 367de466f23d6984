"""A diffusers pipeline from a folder or a pinned hub commit, ready to draw.

Duty: load, strip what hides evidence, and find out what the pipeline really takes. It knows no request.

Loaded are safetensors only, by diffusers' own classes: no pickle, no remote code. A pipeline's own safety
checker is taken out: it blackens pictures and hides the scores, and our classifiers judge every picture.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from classifiers.weights import file_sha256
from gateway.core.errors import ConfigurationError
from gateway.generation.diffusers_options import DiffusersOptions

PipelineClass = Callable[[], type]
"""Imports and returns a pipeline class that diffusers itself does not know."""

_LIBRARY_ERRORS: Final = (OSError, ValueError, TypeError, KeyError, ImportError, RuntimeError, AttributeError)
"""What from_pretrained raises on wrong files, names and versions."""

_HASHED_SUFFIXES: Final = frozenset({".safetensors", ".onnx", ".json", ".txt", ".model"})


@dataclass(frozen=True, slots=True)
class LoadedPipeline:
    """A pipeline with what it takes: `accepts` names the arguments of its call, `parameters` the optional
    request fields that it honours, `size_step` the pixels that each side must be a multiple of.

    `with_image` and `with_mask` draw from a picture, over the same weights; None: there is no such class.
    `sha256` is over every weight and configuration file, in order of their names.
    """

    pipe: Any
    with_image: Any
    with_mask: Any
    accepts: frozenset[str]
    parameters: frozenset[str]
    size_step: int
    sha256: str
    default_guidance: float | None


def load_pipeline(options: DiffusersOptions, pipeline_class: PipelineClass | None = None) -> LoadedPipeline:
    """Load as the options say.

    Raises:
        ConfigurationError: naming the option at fault.
    """
    folder = _find_folder(options)
    digests = _digests(folder, options)  # before anything of the folder is read as a model
    pipe = _from_pretrained(folder, options, pipeline_class)
    accepts = frozenset(inspect.signature(type(pipe).__call__).parameters)
    if missing := {"prompt", "generator", "num_inference_steps", "height", "width"} - accepts:
        raise ConfigurationError(
            f"option model: {type(pipe).__name__} draws no pictures from text "
            f"(takes no {', '.join(sorted(missing))})"
        )
    if unknown := set(options.call_options) - accepts:
        raise ConfigurationError(
            f"option call_options: {type(pipe).__name__} takes no {', '.join(sorted(unknown))}"
        )
    _set_scheduler(pipe, options)
    _add_lora(pipe, options)
    _place(pipe, options)
    with_image, with_mask = _from_pictures(pipe)
    return LoadedPipeline(
        pipe=pipe,
        with_image=with_image,
        with_mask=with_mask,
        accepts=accepts,
        parameters=_parameters(pipe, accepts, options) | _picture_parameters(with_image, with_mask),
        size_step=_size_step(pipe),
        sha256=_identity(digests, options),
        default_guidance=_default_guidance(pipe, options),
    )


def _find_folder(options: DiffusersOptions) -> Path:
    if Path(options.model).is_dir():
        return Path(options.model)
    from diffusers import DiffusionPipeline

    try:
        # Only what this variant needs, and never a file that could hold code.
        folder = DiffusionPipeline.download(
            options.model,
            revision=options.revision,
            variant=options.variant,
            use_safetensors=True,
            local_files_only=options.offline,
        )
    except _LIBRARY_ERRORS as error:
        raise ConfigurationError(
            f"option model: {options.model} at {options.revision} can't be had ({type(error).__name__})"
        ) from error
    return Path(folder)


def _from_pretrained(folder: Path, options: DiffusersOptions, pipeline_class: PipelineClass | None) -> Any:
    import diffusers
    import torch
    import transformers

    diffusers.utils.logging.disable_progress_bar()  # a server's log is no place for bars
    transformers.utils.logging.disable_progress_bar()
    try:
        cls = pipeline_class() if pipeline_class is not None else _class_of(folder)
        extra: dict[str, Any] = {}
        takes = inspect.signature(cls).parameters
        if "safety_checker" in takes:
            extra["safety_checker"] = None
        if "requires_safety_checker" in takes:
            extra["requires_safety_checker"] = False
        pipe = cls.from_pretrained(  # type: ignore[attr-defined]
            str(folder),
            local_files_only=True,
            use_safetensors=True,
            variant=options.variant,
            dtype=getattr(torch, options.dtype),
            device_map=options.device_map,
            **extra,
        )
    except _LIBRARY_ERRORS as error:
        raise ConfigurationError(
            f"option model: {options.model_name} can't be loaded by diffusers {diffusers.__version__} "
            f"({type(error).__name__})"
        ) from error
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _class_of(folder: Path) -> type:
    import diffusers

    name = diffusers.DiffusionPipeline.load_config(str(folder), local_files_only=True).get("_class_name")
    cls = getattr(diffusers, str(name), None)
    if not (isinstance(cls, type) and issubclass(cls, diffusers.DiffusionPipeline)):
        raise ConfigurationError(
            f"option model: its pipeline class {name!r} is not one of diffusers; remote code is never run"
        )
    return cls


def _set_scheduler(pipe: Any, options: DiffusersOptions) -> None:
    if options.scheduler is None:
        return
    allowed = {cls.__name__: cls for cls in pipe.scheduler.compatibles}
    if options.scheduler not in allowed:
        raise ConfigurationError(
            f"option scheduler: must be one of {', '.join(sorted(allowed))} for this model"
        )
    pipe.scheduler = allowed[options.scheduler].from_config(pipe.scheduler.config)


def _add_lora(pipe: Any, options: DiffusersOptions) -> None:
    if options.lora is None:
        return
    if not hasattr(pipe, "load_lora_weights"):
        raise ConfigurationError(f"option lora: {type(pipe).__name__} takes none")
    try:
        pipe.load_lora_weights(
            str(options.lora.file.parent),
            weight_name=options.lora.file.name,
            adapter_name="operator",
            local_files_only=True,
            use_safetensors=True,
        )
        pipe.set_adapters("operator", adapter_weights=options.lora.weight)
    except _LIBRARY_ERRORS as error:
        # Without peft, diffusers says so with a ValueError.
        raise ConfigurationError(
            "option lora: the file does not fit this model, or the package peft is missing "
            f"({type(error).__name__})"
        ) from error


def _place(pipe: Any, options: DiffusersOptions) -> None:
    import torch

    torch.set_num_threads(options.cpu_threads)
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        if options.enable_model_cpu_offload:
            pipe.enable_model_cpu_offload(device=device)
        elif options.enable_sequential_cpu_offload:
            pipe.enable_sequential_cpu_offload(device=device)
        elif options.device_map is None:
            pipe.to(device)
        _save_memory(pipe, options)
    except (*_LIBRARY_ERRORS, AssertionError) as error:  # torch asserts that it was built with CUDA
        raise ConfigurationError(
            f"option device: {device} can't be used with this model and memory ({type(error).__name__})"
        ) from error


def _save_memory(pipe: Any, options: DiffusersOptions) -> None:
    if options.enable_attention_slicing:
        pipe.enable_attention_slicing()
    vae = getattr(pipe, "vae", None)
    for name, wanted in (("slicing", options.enable_vae_slicing), ("tiling", options.enable_vae_tiling)):
        if wanted:
            if not hasattr(vae, f"enable_{name}"):
                raise ConfigurationError(f"option enable_vae_{name}: {type(pipe).__name__} has no such VAE")
            getattr(vae, f"enable_{name}")()


def _parameters(pipe: Any, accepts: frozenset[str], options: DiffusersOptions) -> frozenset[str]:
    found = {"seed", "steps"}
    # A guidance-distilled model without the embedding (e.g. FLUX.1-schnell) takes the number and ignores it.
    distilled = getattr(getattr(getattr(pipe, "transformer", None), "config", None), "guidance_embeds", None)
    if "guidance_scale" in accepts and distilled is not False:
        found.add("guidance_scale")
    # Where true_cfg_scale exists, a negative prompt acts only when it is above 1.
    if "negative_prompt" in accepts and (
        "true_cfg_scale" not in accepts or options.true_cfg_scale is not None
    ):
        found.add("negative_prompt")
    return frozenset(found)


def _from_pictures(pipe: Any) -> tuple[Any, Any]:
    """The image-to-image and the inpainting form of a pipeline, sharing its weights; None: there is none."""
    if {"image", "strength", "mask_image"} <= set(inspect.signature(type(pipe).__call__).parameters):
        return pipe, pipe  # one that does all of it
    from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting

    forms = []
    for auto in (AutoPipelineForImage2Image, AutoPipelineForInpainting):
        try:
            forms.append(auto.from_pipe(pipe))
        except _LIBRARY_ERRORS:
            forms.append(None)  # no such class for this model: its card then promises no pictures
    return forms[0], forms[1]


def _picture_parameters(with_image: Any, with_mask: Any) -> frozenset[str]:
    found = {"image", "strength"} if with_image is not None else set()
    return frozenset(found | ({"mask"} if found and with_mask is not None else set()))


def _size_step(pipe: Any) -> int:
    scale = int(getattr(pipe, "vae_scale_factor", 8))
    if getattr(pipe, "transformer", None) is not None:
        scale *= 2  # transformers see the latents in patches of two
    return max(8, scale)


def _default_guidance(pipe: Any, options: DiffusersOptions) -> float | None:
    if options.guidance_scale is not None:
        return options.guidance_scale
    parameter = inspect.signature(type(pipe).__call__).parameters.get("guidance_scale")
    if parameter is None or not isinstance(parameter.default, int | float):
        return None
    return float(parameter.default)


def _digests(folder: Path, options: DiffusersOptions) -> dict[str, str]:
    """Relative name → sha256 of every weight, configuration and tokenizer file.

    Raises:
        ConfigurationError: a file that the option `sha256` pins is missing or another one.
    """
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix in _HASHED_SUFFIXES)
    digests = {path.relative_to(folder).as_posix(): file_sha256(path) for path in files}
    for name, expected in (options.sha256 or {}).items():
        if digests.get(name) != expected.lower():
            raise ConfigurationError(
                f"option sha256: the model's file {name} is missing or not the pinned one; "
                "get the pinned model again, or pin this one if you trust it"
            )
    return digests


def _identity(digests: Mapping[str, str], options: DiffusersOptions) -> str:
    named = dict(digests)
    if options.lora is not None:
        named[f"lora*{options.lora.weight:g}"] = file_sha256(options.lora.file)
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(named.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
