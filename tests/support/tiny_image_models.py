"""Tiny random image models in folders, as the libraries save them: what hub adapters are tested on."""

from pathlib import Path

import torch
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTokenizer,
    Siglip2Config,
    Siglip2Model,
    SiglipConfig,
    SiglipModel,
    SwinConfig,
    SwinForImageClassification,
    ViTConfig,
    ViTForImageClassification,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

SIDE = 32


def tiny_vit(folder: Path, labels=("neutral", "drawing", "porn"), seed=0) -> Path:
    """A two-layer ViT with the given labels."""
    torch.manual_seed(seed)
    config = ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=SIDE,
        patch_size=8, id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)},
        initializer_range=0.5,
    )  # fmt: skip
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder


def clip_tokenizer() -> CLIPTokenizer:
    """Bytes and word-ending bytes, no merges: every text has tokens."""
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789,.-'!?", "Ġ"]
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(letter + "</w>" for letter in letters)]
    return CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=[], model_max_length=77)


def tiny_clip(folder: Path, seed=0) -> Path:
    """A one-layer CLIP with a tokenizer made here."""
    torch.manual_seed(seed)
    tokenizer = clip_tokenizer()
    text = {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
        "vocab_size": len(tokenizer), "max_position_embeddings": 77, "bos_token_id": 0, "eos_token_id": 1,
        "pad_token_id": 1,
    }  # fmt: skip
    vision = {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
        "image_size": SIDE, "patch_size": 8,
    }  # fmt: skip
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    size = {"shortest_edge": SIDE}
    CLIPImageProcessorPil(size=size, crop_size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder


def tiny_swin(folder: Path, labels=("neutral", "drawing", "porn"), seed=0) -> Path:
    """A two-stage Swin with the given labels; its image processor is ViT's, as in published ones."""
    torch.manual_seed(seed)
    config = SwinConfig(
        image_size=SIDE, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4,
        id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)},
        initializer_range=0.5,
    )  # fmt: skip
    SwinForImageClassification(config).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder


def _siglip_towers(vocabulary: int) -> tuple[dict, dict]:
    shared = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    text = {**shared, "vocab_size": vocabulary, "max_position_embeddings": 64, "projection_size": 16}
    return text, {**shared, "patch_size": 8}


def tiny_siglip(folder: Path, seed=0) -> Path:
    """A one-layer SigLIP with logits of ordinary size."""
    torch.manual_seed(seed)
    tokenizer = clip_tokenizer()
    text, vision = _siglip_towers(len(tokenizer))
    model = SiglipModel(SiglipConfig(text_config=text, vision_config={**vision, "image_size": SIDE}))
    _wake(model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder


def tiny_siglip2(folder: Path, seed=0) -> Path:
    """A one-layer SigLIP 2 of the flexible kind: patches with a mask and a shape."""
    torch.manual_seed(seed)
    tokenizer = clip_tokenizer()
    text, vision = _siglip_towers(len(tokenizer))
    model = Siglip2Model(Siglip2Config(text_config=text, vision_config={**vision, "num_patches": 16}))
    _wake(model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    Siglip2ImageProcessorPil(patch_size=8, max_num_patches=16).save_pretrained(folder)
    return folder


def _wake(model) -> None:
    """Weights large enough that pictures and texts differ, and the trained models' kind of scale and bias."""
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.normal_(0.0, 0.5)
        model.logit_scale.fill_(1.5)
        model.logit_bias.fill_(-1.0)


def tiny_safety_checker(folder: Path, seed=0, *, preprocessor=True) -> Path:
    """A one-layer safety checker whose thresholds lie among the likenesses of random pictures."""
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker

    torch.manual_seed(seed)
    vision = {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
        "image_size": SIDE, "patch_size": 8, "initializer_range": 0.5,
    }  # fmt: skip
    config = CLIPConfig(vision_config=vision, projection_dim=16)
    config._attn_implementation = "eager"
    model = StableDiffusionSafetyChecker(config)
    with torch.no_grad():
        for embeds in (model.concept_embeds, model.special_care_embeds):
            embeds.normal_()
        for thresholds in (model.concept_embeds_weights, model.special_care_embeds_weights):
            thresholds.uniform_(0.1, 0.5)
        model.visual_projection.weight.normal_(0.0, 0.5)
    model.save_pretrained(folder)
    if preprocessor:
        size = {"shortest_edge": SIDE}
        CLIPImageProcessorPil(size=size, crop_size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder
