"""Tiny random StableDiffusion, SDXL and Flux pipelines, saved as diffusers itself saves them."""

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from support.tiny_image_models import clip_tokenizer


def _vae(channels=4, **options) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=channels, norm_num_groups=2,
        layers_per_block=1, sample_size=64, **options,
    )  # fmt: skip


def _text(width=16, cls=CLIPTextModel):
    return cls(CLIPTextConfig(
        hidden_size=width, intermediate_size=32, num_attention_heads=2, num_hidden_layers=2,
        projection_dim=width, vocab_size=len(clip_tokenizer()), bos_token_id=0, eos_token_id=1,
        pad_token_id=1,
    ))  # fmt: skip


def _unet(cross, **options) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        block_out_channels=(8, 16), layers_per_block=1, sample_size=8, norm_num_groups=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), attention_head_dim=2,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=cross, **options,
    )  # fmt: skip


def tiny_sd(folder: Path) -> Path:
    """Stable Diffusion 1: one text encoder, DDIM."""
    torch.manual_seed(0)
    StableDiffusionPipeline(
        vae=_vae(), text_encoder=_text(), tokenizer=clip_tokenizer(), unet=_unet(16),
        scheduler=DDIMScheduler(
            beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, steps_offset=1
        ),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def tiny_sdxl(folder: Path) -> Path:
    """SDXL: two text encoders, Euler."""
    torch.manual_seed(0)
    unet = _unet(
        32, use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=16 + 6 * 8,
    )  # fmt: skip
    StableDiffusionXLPipeline(
        vae=_vae(scaling_factor=0.13025), text_encoder=_text(), tokenizer=clip_tokenizer(),
        text_encoder_2=_text(cls=CLIPTextModelWithProjection), tokenizer_2=clip_tokenizer(), unet=unet,
        scheduler=EulerDiscreteScheduler(beta_schedule="scaled_linear"), add_watermarker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def tiny_flux(folder: Path) -> Path:
    """Flux: CLIP and T5, a transformer over packed latents, flow matching."""
    torch.manual_seed(0)
    pieces = [("▁", -1.0), *((letter, -2.0) for letter in "abcdefghijklmnopqrstuvwxyz0123456789,.-")]
    t5_tokenizer = T5Tokenizer(vocab=[("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *pieces], extra_ids=0)
    t5 = T5EncoderModel(T5Config(
        d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, vocab_size=len(t5_tokenizer),
        is_encoder_decoder=False,
    ))  # fmt: skip
    transformer = FluxTransformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=16, pooled_projection_dim=16, axes_dims_rope=(4, 4, 8), guidance_embeds=True,
    )  # fmt: skip
    FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=_vae(shift_factor=0.1), text_encoder=_text(),
        tokenizer=clip_tokenizer(), text_encoder_2=t5, tokenizer_2=t5_tokenizer, transformer=transformer,
    ).save_pretrained(folder)  # fmt: skip
    return folder
