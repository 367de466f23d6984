"""The vision-language judge in its three forms, on tiny random folders through transformers' own loading."""

import numpy as np
import pytest
from PIL import Image

from classifiers.image.vlm_judge import VlmJudgeClassifier
from classifiers.protocol import ClassifierConfigError
from classifiers.testing import ClassifierContract

POLICIES = {"violence": "no fight in the picture", "custom/logo": "no brand logo"}


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


BLACK = np.zeros((32, 32, 3), np.uint8)
PICTURES = [
    noise(64, 64),
    noise(300, 200, 1),
    noise(1, 1, 2),
    noise(3, 90, 3),
    np.zeros((32, 32, 3), np.uint8),
]


def scores(classifier, pictures):
    return [{signal.category: signal.score for signal in found} for found in classifier.classify(pictures)]


class VlmContract(ClassifierContract):
    """Each picture is asked about alone, so batches may change nothing at all."""

    tolerance = 0.0

    def sample_items(self):
        return PICTURES


class TestQuestion(VlmContract):
    """Any image-text-to-text model, here a Llava: yes against no, one question a category."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _folder(cls, tmp_path_factory):
        from support.tiny_vlm import tiny_llava

        cls.folder = tiny_llava(tmp_path_factory.mktemp("llava"))

    def make(self, **options):
        settings = {"model": str(self.folder), "form": "question", "policies": POLICIES, **options}
        return VlmJudgeClassifier.from_options("judge", settings)

    def test_the_score_is_yes_against_no(self):
        """The softmax of the two words' logits at the answer's first place, by the model's own processor."""
        import torch
        from support.tiny_vlm import WORDS
        from transformers import AutoProcessor, LlavaForConditionalGeneration

        model = LlavaForConditionalGeneration.from_pretrained(self.folder, local_files_only=True).eval()
        processor = AutoProcessor.from_pretrained(self.folder, local_files_only=True)
        content = [{"type": "image"}, {"type": "text", "text": f"Is it so? {POLICIES['violence']}"}]
        prompt = processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        inputs = processor(images=Image.fromarray(PICTURES[0]), text=prompt, return_tensors="pt")
        with torch.no_grad():
            logits = model(**inputs).logits[0, -1, [WORDS.index("Yes"), WORDS.index("No")]]

        (measured,) = scores(self.make(question="Is it so? {policy}"), PICTURES[:1])

        assert measured["violence"] == pytest.approx(float(logits.softmax(-1)[0]), abs=1e-6)

    def test_another_policy_text_is_another_measure(self):
        """The text moves the score, and so the revision."""
        other = self.make(policies={"violence": "no sexual content", "custom/logo": "no brand logo"})

        (before,), (after,) = scores(self.make(), PICTURES[:1]), scores(other, PICTURES[:1])

        assert before["violence"] != after["violence"]
        assert before["custom/logo"] == after["custom/logo"]
        assert self.make().card.revision != other.card.revision

    def test_a_model_without_a_chat_template_is_refused(self, tmp_path):
        """What was never taught to answer can't be asked."""
        from support.tiny_vlm import tiny_llava

        base = self.make(model=str(tiny_llava(tmp_path / "base", template=None)))
        with pytest.raises(ClassifierConfigError, match="no chat template"):
            base.warmup()

    def test_nan_weights_raise(self):
        """A model that answers NaN raises, which becomes a failure; NaN is never a score."""
        import torch

        classifier = self.make()
        classifier.warmup()
        with torch.no_grad():
            classifier._model.get_output_embeddings().weight.fill_(float("nan"))

        with pytest.raises(ValueError, match="not in"):
            classifier.classify(PICTURES)


class TestShieldGemma2(VlmContract):
    """ShieldGemma 2's own class, processor and tokens."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _folder(cls, tmp_path_factory):
        from support.tiny_vlm import tiny_shieldgemma2

        cls.folder = tiny_shieldgemma2(tmp_path_factory.mktemp("shield"))

    def make(self, **options):
        settings = {"model": str(self.folder), "form": "shieldgemma2", **options}
        return VlmJudgeClassifier.from_options("shield", settings)

    def test_the_scores_are_the_models_own_probabilities(self):
        """Without options its three own policies are asked for, and its own probabilities told."""
        import torch
        from transformers import AutoProcessor, ShieldGemma2ForImageClassification

        model = ShieldGemma2ForImageClassification.from_pretrained(self.folder, local_files_only=True).eval()
        processor = AutoProcessor.from_pretrained(self.folder, local_files_only=True)
        picture = Image.fromarray(PICTURES[0])
        inputs = processor(
            images=[picture], policies=["sexual", "violence", "dangerous"], return_tensors="pt"
        )
        with torch.no_grad():
            expected = model(**inputs).probabilities[:, 0].tolist()

        (measured,) = scores(self.make(), PICTURES[:1])

        assert list(measured) == ["sexual", "violence", "illicit/violent"]
        assert list(measured.values()) == pytest.approx(expected, abs=1e-5)

    def test_an_operators_policy_stands_beside_its_own(self):
        """A name of its own stands for its text; any other text is asked as it is written."""
        own = self.make(policies={"violence": "violence"})
        written = self.make(policies={"violence": "a fight", "custom/logo": "a brand logo"})

        (by_name,), (by_text,) = scores(own, PICTURES[:1]), scores(written, PICTURES[:1])

        assert by_name["violence"] == by_text["violence"]
        assert "custom/logo" in by_text

    def test_another_model_is_refused(self, tmp_path):
        """The form needs the model that it is named for."""
        from support.tiny_image_models import tiny_vit
        from support.tiny_vlm import tiny_llava

        folder = tiny_vit(tiny_llava(tmp_path / "other"))
        with pytest.raises(ClassifierConfigError, match="no ShieldGemma 2"):
            self.make(model=str(folder)).warmup()


class TestLlavaGuard(VlmContract):
    """LlavaGuard's JSON, from a Llava whose head is wired to write it."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _folder(cls, tmp_path_factory):
        from support.tiny_vlm import tiny_llava

        cls.folder = tiny_llava(tmp_path_factory.mktemp("guard"), answers=True)

    def make(self, **options):
        settings = {"model": str(self.folder), "form": "llavaguard", "prompt": "the policy", **options}
        return VlmJudgeClassifier.from_options("guard", settings)

    def test_the_named_category_gets_the_ratings_probability(self):
        """Rated unsafe: the category that the answer names scores over half. Rated safe: none does."""
        found = scores(self.make(), PICTURES)

        assert {answer["violence"] > 0.5 for answer in found} == {True, False}
        assert all(answer["violence"] > 0.5 or answer["violence"] == 0.0 for answer in found)
        assert all(answer["sexual"] == 0.0 for answer in found)

    def test_an_answer_that_is_cut_off_is_an_error(self):
        """A half answer is no measurement."""
        classifier = self.make()
        classifier.warmup()
        classifier._options = classifier._options.model_copy(update={"max_new_tokens": 1})

        with pytest.raises(ValueError, match="not one JSON object"):
            classifier.classify(PICTURES[:1])

    def test_a_category_without_a_mapping_is_an_error(self):
        """What nobody mapped is not harmless."""
        classifier = self.make(labels={"O3": "sexual"})

        with pytest.raises(ValueError, match="does not map"):
            classifier.classify(PICTURES)
