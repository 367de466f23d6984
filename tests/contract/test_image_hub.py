"""The image adapters of hub models, on tiny random folders through the libraries' own loading."""

import numpy as np
import pytest
from PIL import Image

from classifiers.image.concepts import BENIGN
from classifiers.image.safety_checker import CONCEPTS, SPECIAL_CARE, SafetyCheckerClassifier
from classifiers.image.siglip import SiglipClassifier
from classifiers.image.transformers_image import TransformersImageClassifier
from classifiers.testing import ClassifierContract


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
DESCRIPTIONS = {"violence": ["a fight", "a brawl"], "custom/logo": ["a logo"]}


def scores(classifier, pictures):
    return [{signal.category: signal.score for signal in found} for found in classifier.classify(pictures)]


class ImageContract(ClassifierContract):
    """Pictures of several sizes, one of a single pixel among them."""

    def sample_items(self):
        return PICTURES


class TestSwin(ImageContract):
    """Swin through the adapter of image-classification models: nothing in it is made for ViT alone."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _folder(cls, tmp_path_factory):
        from support.tiny_image_models import tiny_swin

        cls.folder = tiny_swin(tmp_path_factory.mktemp("swin"))

    def make(self, **options):
        labels = {"neutral": None, "drawing": {"category": "sexual", "weight": 0.5}, "porn": "sexual"}
        settings = {"model": str(self.folder), "labels": labels, **options}
        return TransformersImageClassifier.from_options("swin", settings)

    def test_labels_and_weights_are_read_from_its_configuration(self):
        """A picture's score is the softmax share of its labels, each by its weight."""
        import torch
        from transformers import AutoImageProcessor, SwinForImageClassification

        model = SwinForImageClassification.from_pretrained(self.folder, local_files_only=True).eval()
        processor = AutoImageProcessor.from_pretrained(self.folder, local_files_only=True)
        with torch.no_grad():
            logits = model(**processor([Image.fromarray(PICTURES[0])], return_tensors="pt")).logits
        _, drawing, porn = logits.softmax(-1)[0].tolist()

        (measured,) = scores(self.make(), PICTURES[:1])

        assert measured["sexual"] == pytest.approx(0.5 * drawing + porn, abs=1e-5)


class SiglipContract(ImageContract):
    """What both generations of SigLIP promise."""

    def make(self, **options):
        settings = {"model": str(self.folder), "concepts": DESCRIPTIONS, **options}
        return SiglipClassifier.from_options("siglip", settings)

    def reference_logits(self, prompts):
        """The model's own pair logits for the first picture, by its own processor."""
        import torch
        from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

        model = AutoModel.from_pretrained(self.folder, local_files_only=True).eval()
        processor = AutoImageProcessor.from_pretrained(self.folder, local_files_only=True)
        tokens = AutoTokenizer.from_pretrained(self.folder)(
            prompts, padding="max_length", max_length=64, return_tensors="pt"
        )
        with torch.no_grad():
            pictures = processor([Image.fromarray(PICTURES[0])], return_tensors="pt")
            return model(input_ids=tokens["input_ids"], **pictures).logits_per_image[0]

    def test_the_score_is_the_best_pair_times_the_share(self):
        """Sigmoid of the best pair's logit, times the share of a softmax with the benign descriptions."""
        logits = self.reference_logits([*DESCRIPTIONS["violence"], "a cat", "a house"])
        share = float(logits.softmax(-1)[:2].sum())
        best = float(logits[:2].sigmoid().max())

        (pair,) = scores(self.make(benign=["A cat", "a house"]), PICTURES[:1])
        (alone,) = scores(self.make(benign=["A cat", "a house"], score="share"), PICTURES[:1])

        assert pair["violence"] == pytest.approx(best * share, abs=1e-5)
        assert alone["violence"] == pytest.approx(share, abs=1e-5)


class TestSiglip(SiglipContract):
    """The first generation, with pictures of one size."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _folder(cls, tmp_path_factory):
        from support.tiny_image_models import tiny_siglip

        cls.folder = tiny_siglip(tmp_path_factory.mktemp("siglip"))

    def test_a_benign_look_alike_can_only_lower_a_score(self):
        """One more benign description takes from every category."""
        before = scores(self.make(benign=["a cat"]), PICTURES)
        after = scores(self.make(benign=["a cat", "a boxing match"]), PICTURES)

        for less, more in zip(after, before, strict=True):
            assert all(less[category] < more[category] for category in DESCRIPTIONS)

    def test_its_descriptions_default_to_the_table(self):
        """Without `concepts` the shipped table is compared, against the shipped look-alikes."""
        card = SiglipClassifier.from_options("siglip", {"model": str(self.folder)}).card
        same = SiglipClassifier.from_options("siglip", {"model": str(self.folder), "benign": BENIGN}).card

        assert "violence/graphic" in card.categories
        assert card.revision == same.revision

    def test_a_clip_folder_is_refused(self, tmp_path):
        """A model without a logit of its own for each pair is no SigLIP."""
        from support.tiny_image_models import tiny_clip

        wrong = SiglipClassifier.from_options("siglip", {"model": str(tiny_clip(tmp_path / "clip"))})
        with pytest.raises(TypeError, match="no SigLIP"):
            wrong.warmup()


class TestSiglip2(SiglipContract):
    """The second generation's flexible kind: patches with a mask and a shape of their own."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _folder(cls, tmp_path_factory):
        from support.tiny_image_models import tiny_siglip2

        cls.folder = tiny_siglip2(tmp_path_factory.mktemp("siglip2"))


class TestSafetyChecker(ImageContract):
    """The checker's scores, while its own forward would hide them and blacken the picture."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _folder(cls, tmp_path_factory):
        from support.tiny_image_models import tiny_safety_checker

        cls.folder = tiny_safety_checker(tmp_path_factory.mktemp("checker"))

    def make(self, **options):
        settings = {"model": str(self.folder), "signals": "each", **options}
        return SafetyCheckerClassifier.from_options("checker", settings)

    def test_half_is_where_the_original_blackens(self):
        """Over .5 for exactly the pictures that the original's forward calls bad."""
        import torch
        from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
        from transformers import AutoImageProcessor

        model = StableDiffusionSafetyChecker.from_pretrained(self.folder, attn_implementation="eager").eval()
        pictures = [(noise(40, 40, seed) // 2 + 8 * seed).astype(np.uint8) for seed in range(12)]
        classifier = self.make()
        classifier.warmup()
        nearest = classifier._infer(classifier._prepare(pictures))[:, :17].max(axis=1)
        for each in (model, classifier._model):  # thresholds between the pictures, so that half of them pass
            each.concept_embeds_weights.data += float(np.sort(nearest)[5:7].mean())
        processor = AutoImageProcessor.from_pretrained(self.folder, local_files_only=True)
        inputs = processor([Image.fromarray(picture) for picture in pictures], return_tensors="pt")

        _, bad = model(inputs["pixel_values"], [torch.ones(1) for _ in pictures])

        assert {True, False} == set(bad), "the test needs both kinds"
        assert [found["sexual"] > 0.5 for found in scores(classifier, pictures)] == bad

    def test_all_twenty_are_told_when_asked_for(self):
        """17 concepts and 3 special-care ones beside `sexual`, which is the strongest of the 17."""
        for found in scores(self.make(), PICTURES):
            assert set(found) == {"sexual", *CONCEPTS, *SPECIAL_CARE}
            assert found["sexual"] == max(found[concept] for concept in CONCEPTS)
        (strongest,) = scores(self.make(signals="strongest"), PICTURES[:1])
        assert set(strongest) == {"sexual"}

    def test_special_care_brings_every_concept_nearer(self):
        """A picture over a special-care threshold counts 0.01 nearer to all concepts."""
        classifier = self.make()
        classifier.warmup()
        classifier._model.special_care_embeds_weights.data.fill_(2.0)
        far = classifier._infer(classifier._prepare(PICTURES))
        classifier._model.special_care_embeds_weights.data[1] = -2.0
        near = classifier._infer(classifier._prepare(PICTURES))

        assert near[:, :17] - far[:, :17] == pytest.approx(0.01, abs=1e-6)

    def test_a_pipelines_checker_needs_no_preprocessor_beside_it(self, tmp_path):
        """Without its preprocessor file, which a pipeline keeps elsewhere, CLIP's own is made."""
        from support.tiny_image_models import tiny_safety_checker

        bare = tiny_safety_checker(tmp_path / "checker", preprocessor=False)

        assert scores(self.make(model=str(bare)), PICTURES) == scores(self.make(), PICTURES)
