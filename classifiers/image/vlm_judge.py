"""A vision-language model as a judge: a picture and a policy in words → how likely the picture breaks it.

Duty: pixels → one signal per category. It knows no threshold; the texts it asks with are measures, as a label
map is, and stand in the settings, one per category. Three forms of asking:

- `question`: any image-text-to-text model. One question a category; the score is the probability of yes
  against no as the answer's first token. Nothing is generated.
- `shieldgemma2`: ShieldGemma 2, with its own processor, tokens and policy texts (Zeng et al. 2025,
  "ShieldGemma 2: Robust and Tractable Image Content Moderation").
- `llavaguard`: LlavaGuard (Helff et al. 2024). One JSON answer a picture, parsed strictly; the score of the
  category that it names is the probability of "Unsafe" as its rating.

Each picture is asked about alone, greedily, so batches and repetition change nothing. Slow: a forward pass of
the whole model per picture and category, and a generated answer with `llavaguard`.
Blind spots: the model's own; words in the picture can talk to it; a question's wording moves its scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from PIL import Image
from pydantic import Field, model_validator

from classifiers.image.hub import HubOptions, hub_card, resolve_hub
from classifiers.image.pixels import pictures_of
from classifiers.image.vlm_answers import first_token, read_rating, share, word_tokens
from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard, ClassifierConfigError, Pixels
from classifiers.signals import Signal
from classifiers.taxonomy import is_known

KIND: Final = "vlm-judge"
QUESTION: Final = (
    "You check pictures against a policy.\nPolicy: {policy}\n"
    "Does this picture break the policy? Answer with one word: Yes or No."
)
SHIELDGEMMA_POLICIES: Final = {"sexual": "sexual", "violence": "violence", "illicit/violent": "dangerous"}
"""Category → the name of one of ShieldGemma 2's own policies."""
LLAVAGUARD_LABELS: Final[dict[str, str | None]] = {
    "O1": "hate",
    "O2": "violence",
    "O3": "sexual",
    "O4": "sexual",
    "O5": "illicit",
    "O6": "illicit",
    "O7": "self-harm",
    "O8": "violence",
    "O9": None,
    "NA": None,
}
"""LlavaGuard's codes: hate, violence, sexual, nudity, crime, weapons and drugs, self-harm, animals,
disasters, none."""
_ANSWER_START: Final = '{\n    "rating": "'
_FORMS_OPTIONS: Final = {
    "question": {"policies", "question"},
    "shieldgemma2": {"policies"},
    "llavaguard": {"prompt", "labels", "max_new_tokens"},
}


class VlmJudgeOptions(HubOptions):
    """What an operator may set, beside the model's place.

    `form`: how to ask. `policies` (question, shieldgemma2) maps a category to the policy's text, or for
    ShieldGemma 2 to the name of one of its own. `question` holds `{policy}` where the text goes. `prompt`
    (llavaguard, required) is the instruction that the model was trained on, from its card; `labels` maps the
    codes of its categories to ours or to null; `max_new_tokens` bounds its answer.
    """

    form: Literal["question", "shieldgemma2", "llavaguard"]
    policies: Mapping[str, str] | None = None
    question: str = QUESTION
    prompt: str = ""
    labels: Mapping[str, str | None] = LLAVAGUARD_LABELS
    max_new_tokens: Annotated[int, Field(ge=16, le=2048)] = 400

    @model_validator(mode="after")
    def _check_form(self) -> VlmJudgeOptions:
        foreign = set().union(*_FORMS_OPTIONS.values()) - _FORMS_OPTIONS[self.form]
        if unread := sorted(foreign & self.model_fields_set):
            raise ValueError(f"the form {self.form} reads no {', '.join(unread)}")
        if self.form == "question" and not self.policies:
            raise ValueError("policies: the form question needs a policy text for each category")
        if self.form == "llavaguard" and not self.prompt.strip():
            raise ValueError("prompt: the form llavaguard needs the model's instruction, see its card")
        if self.question.count("{policy}") != 1:
            raise ValueError("question: it must hold {policy} once")
        if not all(text.strip() for text in self.asked.values()):
            raise ValueError("policies: no text may be empty")
        if not self.categories:
            raise ValueError(
                "labels: every code is harmless" if self.form == "llavaguard" else "policies: none"
            )
        for category in self.categories:
            if not is_known(category):
                raise ValueError(f"{category!r} is no category; an own one begins with custom/")
        return self

    @property
    def asked(self) -> Mapping[str, str]:
        """Category → policy text, of the forms that ask one by one."""
        return self.policies if self.policies is not None else SHIELDGEMMA_POLICIES

    @property
    def categories(self) -> frozenset[str]:
        """What the form measures."""
        if self.form == "llavaguard":
            return frozenset(category for category in self.labels.values() if category is not None)
        return frozenset(self.asked)


class VlmJudgeClassifier:
    """An `AutoModelForImageTextToText` (ShieldGemma 2: its own class) as a classifier."""

    def __init__(self, name: str, options: VlmJudgeOptions) -> None:
        self._options = options
        self._resolved = resolve_hub(name, options)
        self._model: Any = None
        self._processor: Any = None
        self._card = hub_card(
            name,
            KIND,
            options,
            self._resolved,
            categories=options.categories,
            description=f"A policy in words judged by {options.model_name} ({options.form}).",
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> VlmJudgeClassifier:
        """Make one from settings.

        Raises:
            ClassifierConfigError: an unknown option, one that the form does not read, an unpinned hub id, an
                unknown category, a missing text.
        """
        return cls(name, parse_options(VlmJudgeOptions, name, KIND, options))

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    def warmup(self) -> None:
        """Load, and run once on a grey square."""
        if self._model is None:
            self._load()
        grey = Image.new("RGB", (64, 64), (128, 128, 128))
        if self._options.form == "llavaguard":
            self._rate(grey, 1)  # an answer about nothing need not be whole
        else:
            self._scores(grey)

    def classify(self, batch: Sequence[Pixels]) -> Sequence[Sequence[Signal]]:
        """Return one signal per category for each picture (H × W × 3 uint8), in order."""
        pictures = pictures_of(batch)
        if pictures and self._model is None:
            self._load()
        return [self._signals(self._scores(picture)) for picture in pictures]

    def close(self) -> None:
        """Drop the model."""
        self._model = self._processor = None

    def _load(self) -> None:
        import torch
        from transformers import AutoModelForImageClassification, AutoModelForImageTextToText, AutoProcessor

        torch.set_num_threads(self._options.threads)
        folder = str(self._resolved.path)
        shield = self._options.form == "shieldgemma2"
        loader = AutoModelForImageClassification if shield else AutoModelForImageTextToText
        self._processor = AutoProcessor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        if not self._processor.chat_template:
            raise ClassifierConfigError(
                f"classifier {self._card.name!r}, option model: {self._options.model_name} has no chat "
                "template; take an instruction-tuned model"
            )
        model = loader.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=getattr(torch, self._options.dtype),
        )
        if shield and not hasattr(model, "yes_token_index"):
            raise ClassifierConfigError(
                f"classifier {self._card.name!r}, option form: {self._options.model_name} is no ShieldGemma 2"
            )
        self._model = model.to(self._options.device).eval()
        if not shield:
            self._model.generation_config = _greedy(model.generation_config)

    def _scores(self, picture: Image.Image) -> dict[str, float]:
        match self._options.form:
            case "question":
                return {category: self._ask(picture, text) for category, text in self._options.asked.items()}
            case "shieldgemma2":
                return self._shield(picture)
            case "llavaguard":
                return self._rated(picture)

    def _ask(self, picture: Image.Image, policy: str) -> float:
        """The probability of yes against no as the first token of the answer."""
        import torch

        tokenizer = self._processor.tokenizer
        yes, no = word_tokens(tokenizer, "Yes"), word_tokens(tokenizer, "No")
        if not yes or not no:
            raise ValueError("the model's tokenizer has no single token for Yes and for No")
        inputs = self._inputs(picture, self._options.question.replace("{policy}", policy))
        with torch.inference_mode():
            return share(self._model(**inputs).logits[0, -1].float(), yes, no)

    def _shield(self, picture: Image.Image) -> dict[str, float]:
        """ShieldGemma 2's own prompt, policy by policy, and its own two tokens."""
        import torch

        own = self._processor.policy_definitions
        scores = {}
        for category, text in self._options.asked.items():
            policy = {"policy": own.get(text, text)}
            inputs = self._processor(
                images=[picture], custom_policies=policy, policies=["policy"], return_tensors="pt"
            )
            with torch.inference_mode():
                answer = self._model(**inputs.to(self._options.device, self._model.dtype))
            # (yes, no): the model's own documentation says that yes means a breach
            scores[category] = float(answer.logits[0].float().softmax(-1)[0])
        return scores

    def _rated(self, picture: Image.Image) -> dict[str, float]:
        """LlavaGuard's JSON: the named category gets the rating's probability, all others 0."""
        unsafe, answer = self._rate(picture, self._options.max_new_tokens)
        rating = read_rating(answer)
        if rating.code not in self._options.labels:
            raise ValueError("the judge names a category that option labels does not map")
        if rating.unsafe is not (unsafe > 0.5):
            raise ValueError("the judge's rating is not the one that its probabilities say")
        category = self._options.labels[rating.code]
        if rating.unsafe and rating.code == "NA":
            raise ValueError("the judge says unsafe and names no category")
        scores = dict.fromkeys(sorted(self._options.categories), 0.0)
        if category is not None:
            scores[category] = unsafe
        return scores

    def _rate(self, picture: Image.Image, max_new_tokens: int) -> tuple[float, str]:
        """Return the probability of "Unsafe" as the rating, and the whole answer."""
        import torch

        tokenizer = self._processor.tokenizer
        inputs = self._inputs(picture, self._options.prompt, _ANSWER_START)
        with torch.inference_mode():
            made = self._model.generate(
                **inputs,
                max_new_tokens=max_new_tokens,
                return_dict_in_generate=True,
                output_logits=True,
            )
        logits = made.logits[0][0].float()
        unsafe = share(logits, [first_token(tokenizer, "Unsafe")], [first_token(tokenizer, "Safe")])
        written = made.sequences[0, inputs["input_ids"].shape[1] :]
        return unsafe, _ANSWER_START + tokenizer.decode(written, skip_special_tokens=True)

    def _inputs(self, picture: Image.Image, text: str, answer_start: str = "") -> Any:
        content = [{"type": "image"}, {"type": "text", "text": text}]
        prompt = self._processor.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        bos = self._processor.tokenizer.bos_token  # the template may have written it already
        inputs = self._processor(
            images=[picture],
            text=[prompt + answer_start],
            add_special_tokens=not (bos and prompt.startswith(bos)),
            return_tensors="pt",
        )
        return inputs.to(self._options.device, self._model.dtype)

    def _signals(self, scores: Mapping[str, float]) -> tuple[Signal, ...]:
        # NaN passes through to Signal, which refuses it.
        return tuple(
            Signal(category, score, self._card.name, self._card.revision)
            for category, score in scores.items()
        )


def _greedy(config: Any) -> Any:
    """A model's way of ending an answer without its way of sampling one."""
    from transformers import GenerationConfig

    end = config.eos_token_id
    pad = config.pad_token_id
    if pad is None:
        pad = end[0] if isinstance(end, list) else end
    return GenerationConfig(
        eos_token_id=end, pad_token_id=pad, bos_token_id=config.bos_token_id, do_sample=False
    )
