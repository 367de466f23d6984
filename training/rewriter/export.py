"""From a trained adapter to what ships: bfloat16 adapter, activation peaks for the 8-bit graph, sums.

python -m training.rewriter.export --adapter DIR/adapter --to models/rewriter
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from classifiers.weights import cache_folder, file_sha256
from gateway.rewriting.llama_weights import PEAKS
from gateway.rewriting.lora import CONFIG, WEIGHTS, Adapter
from gateway.rewriting.smollm2_weights import converted
from training.rewriter.rows import Builder
from training.rewriter.train import Codec

PROMPTS = 48
_PLACES = {"self_attn.q_proj": "attention", "mlp.gate_proj": "mlp", "mlp.down_proj": "down"}


def main() -> None:
    """Write the folder; the card is written by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adapter", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=None)
    args = parser.parse_args()
    base = converted(cache_folder(args.cache)).folder
    args.to.mkdir(parents=True, exist_ok=True)
    tensors = load_file(args.adapter / WEIGHTS)
    save_file({name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}, args.to / WEIGHTS)
    config = json.loads((args.adapter / CONFIG).read_text())
    config["base_model_name_or_path"] = "HuggingFaceTB/SmolLM2-135M-Instruct"
    (args.to / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    save_file(peaks(base, args.to), args.to / PEAKS)
    for name in (CONFIG, WEIGHTS, PEAKS):
        (args.to / name).chmod(0o644)
    lines = [f"{file_sha256(args.to / name)}  {name}" for name in sorted((CONFIG, WEIGHTS, PEAKS))]
    (args.to / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def peaks(base: Path, adapter: Path) -> dict[str, torch.Tensor]:
    """The largest absolute value of each input channel of each projection, over a few template rows."""
    torch.set_num_threads(1)
    model: Any = AutoModelForCausalLM.from_pretrained(base, local_files_only=True, dtype=torch.float32)
    Adapter.read(adapter).add_to(model)
    found: dict[str, torch.Tensor] = {}

    def watch(key: str) -> Any:
        def hook(_: Any, inputs: tuple[torch.Tensor, ...]) -> None:
            largest = inputs[0].detach().abs().amax(dim=(0, 1))
            found[key] = torch.maximum(found.get(key, largest), largest)

        return hook

    for name, module in model.named_modules():
        for ending, place in _PLACES.items():
            if name.endswith(ending):
                module.register_forward_pre_hook(watch(f"layers.{name.split('.')[2]}.{place}"))
    codec, builder = Codec(base), Builder(random.Random(11), held_out=False)
    with torch.inference_mode():
        for index in range(PROMPTS):
            row = builder.offending() if index % 2 else builder.benign()
            encoded = codec.encode(row)
            if encoded is not None:
                model(torch.tensor([encoded.ids]))
    return {key: value.to(torch.float16).contiguous() for key, value in found.items()}


if __name__ == "__main__":
    main()
