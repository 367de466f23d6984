"""A tiny random causal language model with a tokenizer and a chat template, made on the spot.

Real transformers classes, a few kilobytes of weights: what `from_pretrained` does with a hub folder it does
with this one. Its words are nonsense, its form is not.
"""

from __future__ import annotations

from pathlib import Path

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WITHOUT_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
_CORPUS = [
    "a red apple on a wooden table, soft light",
    "an old car on a quiet street in the evening, long shadows",
    "leave out violence and profanity, keep the subject and the place",
    "a dog in a park, golden afternoon light, fresh green grass.",
    "system user assistant\n",
]


def make_tiny_chat_model(
    folder: Path, *, template: str | None = TEMPLATE, context: int = 2048, heads: int = 4
) -> Path:
    """Save a two-layer Llama (seed 0) with a byte-level BPE tokenizer to `folder`; return it."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=sorted({chr(code) for code in range(0x21, 0x7F)}),  # no stray bytes in answers
        show_progress=False,
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", additional_special_tokens=["<|im_start|>"]
    )
    if template is not None:
        fast.chat_template = template
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast) + 3,  # padded heads are common, and their extra ids have no text
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=heads,
        num_key_value_heads=heads // 2,
        max_position_embeddings=context,
        bos_token_id=None,
        eos_token_id=fast.eos_token_id,
        pad_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder
