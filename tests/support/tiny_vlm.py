"""Tiny random vision-language models in folders, as transformers saves them: what judges are tested on."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPVisionConfig,
    Gemma3TextConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    ShieldGemma2Config,
    ShieldGemma2ForImageClassification,
    ShieldGemma2Processor,
    SiglipVisionConfig,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil

SIDE = 16
PATCH = 8
TEMPLATE = (
    "<s>{% for message in messages %}USER : {% for part in message['content'] %}"
    "{{ '<image>' if part['type'] == 'image' else part['text'] }} {% endfor %}{% endfor %}ASSISTANT: "
)
SHIELD_TEMPLATE = TEMPLATE.replace("<image>", "<boi>")
UNSAFE_REST = '",\n    "category": "O2: Violence",\n    "rationale": "a fight"\n}'
SAFE_REST = '",\n    "category": "NA: None applying",\n    "rationale": "an apple"\n}'
_SPECIAL = ["<unk>", "<s>", "</s>", "<pad>", "<image>", "<boi>", "<eoi>"]
_WORDS = [
    *(
        "Yes",
        "No",
        "USER",
        ":",
        "ASSISTANT:",
        "{",
        '"rating":',
        '"',
        "Safe",
        "Unsafe",
        UNSAFE_REST,
        SAFE_REST,
    ),
    *("fight", "logo", "brand", "policy", "picture", "sexual", "violence", "content"),
]
WORDS = [*_SPECIAL, *_WORDS]


def _tokenizer(**special: str) -> PreTrainedTokenizerFast:
    """Whole words between spaces; decoding joins them without any."""
    tokenizer = Tokenizer(
        models.WordLevel(vocab={word: at for at, word in enumerate(WORDS)}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        extra_special_tokens=special,
    )  # fmt: skip


def tiny_llava(folder: Path, seed=3, *, answers: bool = False, template: str | None = TEMPLATE) -> Path:
    """A one-layer Llava; with `answers` its head writes LlavaGuard's JSON, rated by the picture."""
    torch.manual_seed(seed)
    tokenizer = _tokenizer(image_token="<image>")
    shared = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    vision = CLIPVisionConfig(**shared, image_size=SIDE, patch_size=PATCH, initializer_range=0.5)
    text = LlamaConfig(
        **shared, vocab_size=len(WORDS), num_key_value_heads=2, initializer_range=0.4, bos_token_id=1,
        eos_token_id=2, pad_token_id=3,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=WORDS.index("<image>"),
        vision_feature_layer=-1, image_seq_length=(SIDE // PATCH) ** 2,
    )  # fmt: skip
    model = LlavaForConditionalGeneration(config)
    if answers:
        _wire(model)
    model.save_pretrained(folder)
    pixels = CLIPImageProcessorPil(
        size={"height": SIDE, "width": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    )
    LlavaProcessor(
        image_processor=pixels, tokenizer=tokenizer, patch_size=PATCH, num_additional_image_tokens=1,
        vision_feature_select_strategy="default", chat_template=template,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def _wire(model) -> None:
    """Each word calls the next by a direction of its own; the picture alone says Safe or Unsafe."""
    embeddings, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    chain = {'"': ("Safe", "Unsafe"), "Unsafe": (UNSAFE_REST,), "Safe": (SAFE_REST,), UNSAFE_REST: ("</s>",),
             SAFE_REST: ("</s>",)}  # fmt: skip
    with torch.no_grad():
        embeddings[:, 8:] = 0
        head.zero_()
        for direction, (word, following) in enumerate(chain.items()):
            embeddings[WORDS.index(word)] = torch.eye(16)[direction] * 20
            for next_word in following:
                head[WORDS.index(next_word), direction] = 10
        for word in chain['"']:
            head[WORDS.index(word), 8:] = torch.randn(8) * 6


def tiny_shieldgemma2(folder: Path, seed=0) -> Path:
    """A one-layer ShieldGemma 2, processor and policies included."""
    torch.manual_seed(seed)
    tokenizer = _tokenizer(image_token="<image>", boi_token="<boi>", eoi_token="<eoi>")
    shared = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    vision = SiglipVisionConfig(**shared, image_size=SIDE, patch_size=PATCH)
    text = Gemma3TextConfig(
        **shared, vocab_size=len(WORDS), num_key_value_heads=1, head_dim=8, initializer_range=0.4,
        bos_token_id=1, eos_token_id=2, pad_token_id=3,
    )  # fmt: skip
    config = ShieldGemma2Config(
        text_config=text, vision_config=vision, mm_tokens_per_image=4, boi_token_index=WORDS.index("<boi>"),
        eoi_token_index=WORDS.index("<eoi>"), image_token_index=WORDS.index("<image>"),
    )  # fmt: skip
    config.yes_token_index, config.no_token_index = WORDS.index("Yes"), WORDS.index("No")
    model = ShieldGemma2ForImageClassification(config)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.normal_(0.0, 0.4)
    model.save_pretrained(folder)
    pixels = Gemma3ImageProcessorPil(size={"height": SIDE, "width": SIDE}, image_seq_length=4)
    ShieldGemma2Processor(
        image_processor=pixels, tokenizer=tokenizer, chat_template=SHIELD_TEMPLATE, image_seq_length=4,
        policy_definitions={"sexual": "sexual content", "violence": "a fight", "dangerous": "a brand logo"},
    ).save_pretrained(folder)  # fmt: skip
    return folder
