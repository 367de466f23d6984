"""Turns a training checkpoint into the diffusers folder that the gateway loads (fp16 safetensors).

python -m training.emoji_diffusion.export --work DIR --to models/emoji-diffusion
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from safetensors.torch import load_file

from gateway.generation.emoji_pipeline import EmojiDiffusionPipeline
from training.emoji_diffusion.graph import write_graph
from training.emoji_diffusion.model import build_unet
from training.emoji_diffusion.quantise import write_int8_graph


def export(work: Path, folder: Path) -> int:
    """Writes the averaged weights of `work`'s checkpoint to `folder`, with SHA256SUMS; returns the step."""
    state = load_file(work / "checkpoint.safetensors")
    unet = build_unet().eval()
    torch.nn.utils.vector_to_parameters(state["ema"], unet.parameters())
    pipeline = EmojiDiffusionPipeline(unet.half(), FlowMatchEulerDiscreteScheduler(shift=1.0))
    pipeline.save_pretrained(folder, safe_serialization=True)
    write_graph(EmojiDiffusionPipeline.from_pretrained(folder).unet, folder / "unet")
    weights = "unet/diffusion_pytorch_model.safetensors"
    (folder / weights).chmod(0o644)
    write_int8_graph(folder)
    write_sums(folder)
    return int(state["progress"][0])


def write_sums(folder: Path) -> None:
    """SHA256SUMS of the weights, graphs and configurations in `folder`."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".safetensors", ".onnx", ".json"})
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}" for path in files]
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    print("exported step", export(args.work, args.to))


if __name__ == "__main__":
    main()
