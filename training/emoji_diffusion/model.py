"""The network: one UNet2DConditionModel over pixel-unshuffled pictures (64 x 64 x 3 as 16 x 16 x 48)."""

from __future__ import annotations

from diffusers import UNet2DConditionModel

from gateway.generation.emoji_pipeline import PlainAttention


def build_unet(channels: tuple[int, ...] = (96, 160, 256), layers: int = 1) -> UNet2DConditionModel:
    """A fresh network with text cross-attention at 8 x 8 and 4 x 4, 4 heads, in channels-last layout."""
    depth = len(channels) - 1
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=48,
        out_channels=48,
        block_out_channels=channels,
        layers_per_block=layers,
        down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * depth,
        up_block_types=("CrossAttnUpBlock2D",) * depth + ("UpBlock2D",),
        cross_attention_dim=384,
        attention_head_dim=4,  # diffusers reads this as the number of heads here
        norm_num_groups=16,
        class_embed_type="simple_projection",
        projection_class_embeddings_input_dim=384,
    )
    unet.set_attn_processor(PlainAttention())
    return unet
