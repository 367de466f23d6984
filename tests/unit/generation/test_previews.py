"""How a pipeline's running work is shown: its own way, linearly, decoded, or not at all."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gateway.core.errors import GenerationFailed
from gateway.generation.previews import find_previewer, to_pixels


def vae(channels, scaling):
    return SimpleNamespace(config=SimpleNamespace(latent_channels=channels, scaling_factor=scaling))


def test_a_pipelines_own_preview_comes_first():
    """`preview(latents)` of the pipeline is used where there is one."""
    pipe = SimpleNamespace(
        vae=vae(4, 0.18215), preview=lambda latents: np.full((len(latents), 2, 2, 3), 7, np.uint8)
    )

    (picture,) = find_previewer(pipe, "auto")(torch.zeros(1, 4, 2, 2), 16, 16)

    assert picture.tolist() == [[[7, 7, 7]] * 2] * 2


@pytest.mark.parametrize("scaling", [0.18215, 0.13025])
def test_stable_diffusion_latents_are_approximated(scaling):
    """Bright latents give a bright picture of the latents' size, in both families' maps."""
    show = find_previewer(SimpleNamespace(vae=vae(4, scaling)), "auto")
    bright = torch.tensor([3.0, 0, 0, 0]).view(1, 4, 1, 1).expand(1, 4, 5, 6)

    (light,), (dark,) = show(bright, 48, 40), show(-bright, 48, 40)

    assert light.shape == (5, 6, 3)
    assert light.mean() > dark.mean() + 100


@pytest.mark.parametrize(
    ("pipe", "mode"),
    [
        (SimpleNamespace(vae=vae(16, 0.3611)), "auto"),
        (SimpleNamespace(vae=vae(4, 0.5)), "auto"),
        (SimpleNamespace(vae=vae(4, 0.18215), _unpack_latents=None), "auto"),
        (SimpleNamespace(), "auto"),
        (SimpleNamespace(), "vae"),
        (SimpleNamespace(vae=vae(4, 0.18215), preview=print), "off"),
    ],
)
def test_unknown_latents_are_not_guessed_at(pipe, mode):
    """Where no way fits there is no previewer, so the card promises none."""
    assert find_previewer(pipe, mode) is None


def test_nan_in_a_preview_is_grey():
    """A preview may hold NaN early on; it is shown as grey and never as a failure."""
    (picture,) = to_pixels(torch.full((1, 2, 2, 3), float("nan")))

    assert set(picture.ravel().tolist()) == {128}


def test_misshapen_previews_are_a_failure():
    """A preview that is not a list of pictures is refused."""
    with pytest.raises(GenerationFailed):
        to_pixels(np.zeros((2, 2, 3)))
