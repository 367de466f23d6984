"""Generators' options: faults are named before anything loads, and the embedded model's place is known."""

import pytest

from gateway.core.errors import ConfigurationError
from gateway.generation import emoji
from gateway.generation.diffusers_backend import DiffusersGenerator

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUB = {"model": "owner/model", "revision": COMMIT}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "model"),
        ({"model": "owner/model"}, "revision"),
        ({"model": "owner/model", "revision": "main"}, "40-digit commit"),
        ({"model": "no/such/folder/here"}, "revision"),
        (HUB | {"dtype": "int3"}, "dtype"),
        (HUB | {"device": "toaster"}, "device"),
        (HUB | {"default_size": "512 x 512"}, "default_size"),
        (HUB | {"default_size": "0x64"}, "default_size"),
        (HUB | {"sizes": ["256x256"]}, "default_size is not among sizes"),
        (HUB | {"max_pixels": 4096}, "max_pixels"),
        (HUB | {"max_side": 256}, "min_side"),
        (HUB | {"default_steps": 200}, "max_steps"),
        (HUB | {"max_batch": 0}, "max_batch"),
        (HUB | {"queue_limit": 0}, "queue_limit"),
        (HUB | {"batch_profile": {"512x512": 0}}, "batch_profile"),
        (HUB | {"batch_profile": {"large": 2}}, "batch_profile"),
        (HUB | {"device_map": "everywhere"}, "device_map"),
        (HUB | {"device_map": "balanced", "device": "cuda"}, "leave device out"),
        (
            HUB | {"enable_model_cpu_offload": True, "enable_sequential_cpu_offload": True},
            "enable_model_cpu_offload and enable_sequential_cpu_offload can't go together",
        ),
        (HUB | {"true_cfg_scale": 1.0}, "true_cfg_scale"),
        (HUB | {"preview": "maybe"}, "preview"),
        (HUB | {"safety_checker": True}, "safety_checker"),
        (HUB | {"lora": {"file": "no-such.safetensors"}}, r"lora\.file"),
        (HUB | {"lora": {"file": __file__}}, r"lora\.file"),
    ],
)
def test_a_wrong_option_is_named(options, named):
    """Unknown, missing, ill-typed and contradicting options are refused by name."""
    with pytest.raises(ConfigurationError, match=f"(?s)generator 'draws'.*{named}"):
        DiffusersGenerator.from_options("draws", options)


def test_the_card_before_start_promises_only_what_is_sure():
    """Before the pipeline is known, the card names seed and steps, and shows no path."""
    card = DiffusersGenerator.from_options("draws", HUB | {"sizes": ["512x512", "768x512"]}).card

    assert card.parameters == {"seed", "steps"}
    assert card.sizes == ((512, 512), (768, 512))
    assert (card.identity.name, card.identity.revision) == ("owner/model", COMMIT)


def test_a_folder_is_named_by_its_last_part(tmp_path):
    """The identity of a local model goes on record, so it holds no path of the machine."""
    folder = tmp_path / "my-model"
    folder.mkdir()

    card = DiffusersGenerator.from_options("draws", {"model": str(folder)}).card

    assert card.identity.name == "my-model"


def test_missing_embedded_weights_are_a_clear_error(tmp_path):
    """Without the embedded weights there is no server, and the error names the fix but no path."""
    with pytest.raises(ConfigurationError, match="weights are missing") as refused:
        emoji.from_options("emoji", {"model": str(tmp_path)})

    assert str(tmp_path) not in str(refused.value)


def test_the_embedded_model_takes_the_promised_sizes(tmp_path):
    """By default 512 x 512, and any multiples of 8 up to 1024 x 1024 pixels."""
    (tmp_path / "model_index.json").write_text("{}")

    card = emoji.from_options("emoji", {"model": str(tmp_path)}).card

    assert card.default_size == (512, 512)
    assert (card.sizes, card.size_step, card.max_pixels) == ((), 8, 1024 * 1024)


def test_the_operators_options_win_over_the_embedded_defaults(tmp_path):
    """An option given for the embedded model replaces its default, and a wrong one is named."""
    (tmp_path / "model_index.json").write_text("{}")

    card = emoji.from_options("emoji", {"model": str(tmp_path), "max_steps": 30, "sizes": ["512x512"]}).card
    assert (card.max_steps, card.sizes) == (30, ((512, 512),))
    with pytest.raises(ConfigurationError, match="max_step:"):
        emoji.from_options("emoji", {"model": str(tmp_path), "max_step": 30})


async def test_embedded_weights_that_were_changed_do_not_start(tmp_path):
    """A file that is not the one in SHA256SUMS is found before anything is loaded."""
    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  model_index.json\n")

    with pytest.raises(ConfigurationError, match=r"option sha256: the model's file model_index\.json"):
        await emoji.from_options("emoji", {"model": str(tmp_path)}).start()
