"""Every text classifier, the scripted one included, keeps the shipped contract."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from support import tiny_text_models

from classifiers.fakes import LocatingClassifier, ScriptedClassifier
from classifiers.protocol import Classifier
from classifiers.testing import ClassifierContract
from classifiers.text.detoxify import DetoxifyClassifier
from classifiers.text.detoxify_convert import convert
from classifiers.text.language import LanguageClassifier
from classifiers.text.minor_cues import MinorCuesClassifier
from classifiers.text.patterns import PatternsClassifier
from classifiers.text.prompt_safety import PromptSafetyClassifier
from classifiers.text.prototypes import PrototypesClassifier
from classifiers.text.transformers_text import TransformersTextClassifier
from classifiers.text.wordlist import WordlistClassifier

PROMPTS = (
    "a red apple on a table",
    "a moron with a damn big knife",
    "naked trees in winter, 8k",
    "🍎 яблоко",
)
HEADS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]


class TextContract(ClassifierContract):
    def sample_items(self) -> Sequence[str]:
        return PROMPTS


class TestScripted(TextContract):
    def make(self) -> Classifier:
        return ScriptedClassifier(always=lambda text: {"violence": min(len(text) / 40_000, 1.0)})


class TestLocating(TextContract):
    def make(self) -> Classifier:
        return LocatingClassifier(word="knife", always={"violence": 0.5})


class TestWordlist(TextContract):
    def make(self) -> Classifier:
        return WordlistClassifier.from_options("words", {})


class TestPatterns(TextContract):
    def make(self) -> Classifier:
        pattern = {"name": "knife", "pattern": r"\bkni(?:fe|ves)\b", "category": "violence", "score": 0.5}
        return PatternsClassifier.from_options("patterns", {"patterns": [pattern]})


class TestMinorCues(TextContract):
    def sample_items(self) -> Sequence[str]:
        return (*PROMPTS, "a 12 year old playing football", "a girl with a kite")

    def make(self) -> Classifier:
        return MinorCuesClassifier.from_options("cues", {})


class TestLanguage(TextContract):
    def sample_items(self) -> Sequence[str]:
        return (*PROMPTS, "ein roter Apfel auf einem Holztisch", "木桌上的红苹果")

    def make(self) -> Classifier:
        return LanguageClassifier.from_options("language", {})


@pytest.mark.models
class TestPrototypes(TextContract):
    def make(self) -> Classifier:
        return PrototypesClassifier.from_options("prototypes", {})


@pytest.mark.models
class TestPromptSafety(TextContract):
    def make(self) -> Classifier:
        return PromptSafetyClassifier.from_options("prompt-safety", {})


class TestTransformersText(TextContract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.path = tiny_text_models.roberta_folder(tmp_path_factory.mktemp("m"), ["ok", "bad", "rude"])

    def make(self) -> Classifier:
        options = {
            "model": str(self.path),
            "labels": {"bad": "violence", "rude": "harassment"},
            "ignore": ["ok"],
            "activation": "softmax",
            "max_tokens": 32,
        }
        return TransformersTextClassifier.from_options("hub", options)


class TestDetoxify(TextContract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        made = tiny_text_models.detoxify_checkpoint(tmp_path_factory.mktemp("d"), HEADS)
        cls.path, cls.base, cls.sha256 = made

    def make(self) -> Classifier:
        options = {"checkpoint": str(self.path), "base": str(self.base), "sha256": self.sha256}
        return DetoxifyClassifier.from_options("detoxify", options)


class TestConvertedDetoxify(TextContract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        path, base, sha256 = tiny_text_models.detoxify_checkpoint(tmp_path_factory.mktemp("d"), HEADS)
        cls.made = convert("original", path, sha256, base, base.parent / "converted")

    def make(self) -> Classifier:
        options = {"converted": str(self.made.folder), "sha256": self.made.sums_sha256}
        return DetoxifyClassifier.from_options("detoxify", options)
