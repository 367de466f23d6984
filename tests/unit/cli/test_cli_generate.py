"""`imagegate generate` writes what was allowed and nothing else."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image
from support.command import Cli


def test_an_allowed_prompt_becomes_a_picture(cli: Cli) -> None:
    """The file is a picture of the asked format; the decision's id and the coverage are printed."""
    ran = cli.at("generate", "a red apple", "-o", "apple.webp", "--seed", "7")
    assert ran.exit_code == 0
    with Image.open(cli.folder / "apple.webp") as picture:
        assert (picture.format, picture.size) == ("WEBP", (64, 64))
    assert "apple.webp  64x64  seed 7" in ran.out
    assert "1 of 1 inspected by looks" in ran.out


def test_several_pictures_get_numbered_files(cli: Cli) -> None:
    """With --n the files are numbered from 1, and JSON names each with its seed."""
    ran = cli.at("generate", "a red apple", "-o", "a.png", "--n", "3", "--seed", "5", "--json")
    assert [(image["file"], image["seed"]) for image in ran.json["images"]] == [
        ("a-1.png", 5), ("a-2.png", 6), ("a-3.png", 7),
    ]  # fmt: skip
    assert all((cli.folder / f"a-{number}.png").exists() for number in (1, 2, 3))
    assert ran.json["outcome"] == "delivered"


def test_a_rewrite_is_shown(cli: Cli) -> None:
    """What the picture was drawn from, and the rules that asked for it, are printed."""
    ran = cli.at("generate", "a rude apple")
    assert ran.exit_code == 0
    assert "rewritten  a apple" in ran.out
    assert "because of profanity; rules rude" in ran.out
    assert cli.at("generate", "a rude apple", "--json").json["revised_prompt"] == "a apple"


@pytest.mark.parametrize(
    ("words", "reason"),
    [(["a violent apple"], "Violence."), (["a rude apple", "--no-rewrite"], "rewriting is switched off")],
)
def test_a_block_writes_nothing(cli: Cli, words: list[str], reason: str) -> None:
    """Exit code 1 with stage, reason and decision id; no file."""
    ran = cli.at("generate", *words, "-o", "apple.png")
    assert ran.exit_code == 1
    assert "blocked    at the prompt stage" in ran.out
    assert reason in ran.out
    assert "decision   0" in ran.out
    assert not (cli.folder / "apple.png").exists()


def test_a_block_as_json(cli: Cli) -> None:
    """JSON names outcome, stage, categories and the deciding rule."""
    ran = cli.at("generate", "a violent apple", "--json")
    assert ran.exit_code == 1
    blocked = ran.json
    assert (blocked["outcome"], blocked["stage"], blocked["categories"]) == (
        "blocked",
        "prompt",
        ["violence"],
    )
    assert blocked["decision"]["rules"][0]["rule"] == "violent"


def test_a_held_prompt_is_no_picture(cli: Cli) -> None:
    """Held is not delivered: exit code 1."""
    ran = cli.at("generate", "an unsure apple")
    assert ran.exit_code == 1
    assert ran.out.startswith("held")


def test_a_withheld_picture_is_named(make_cli: Callable[..., Cli]) -> None:
    """With one picture of two refused, the other is written and the refused one named with its reason."""
    cli = make_cli(marks=(0, 1))
    ran = cli.at("generate", "a red apple", "--n", "2", "-o", "a.png")
    assert ran.exit_code == 0
    assert (cli.folder / "a-1.png").exists()
    assert not (cli.folder / "a-2.png").exists()
    assert "withheld   picture 2: Sexual picture." in ran.out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["x", "-o", "a.gif"], "--output"),
        (["x", "--size", "63x64"], "size"),
        (["x", "--model", "none"], "model"),
        (["x", "--steps", "0"], "num_inference_steps"),
        ([" "], "text"),
        (["x", "--size", "small"], "size: must be auto or WIDTHxHEIGHT"),
        (["x", "-o", "none/a.png"], "the folder none does not exist"),
    ],
)
def test_wrong_requests_are_named(cli: Cli, words: list[str], named: str) -> None:
    """The message names the option at fault, the exit code is not a block's, and nothing is written."""
    ran = cli.at("generate", *words)
    assert ran.exit_code == 2
    assert named in ran.err
    assert not list(cli.folder.glob("*.png"))


def test_reads_the_prompt_from_standard_input(cli: Cli) -> None:
    """`-` keeps a prompt out of the process list."""
    ran = cli.at("generate", "-", "--json", stdin="a red apple\n")
    assert ran.json["outcome"] == "delivered"
    with Image.open(io.BytesIO((cli.folder / "out.png").read_bytes())) as picture:
        assert picture.format == "PNG"


def test_an_unknown_policy_withholds(cli: Cli) -> None:
    """A policy that does not exist ends the request and tells those that do; there is no fallback."""
    ran = cli.at("generate", "a red apple", "--policy", "none", "--json")
    assert ran.exit_code == 2
    assert "scripted" in ran.json["error"]["message"]
    assert not list(cli.folder.glob("*.png"))


def test_a_file_that_can_not_be_written_is_on_record_as_an_error(cli: Cli) -> None:
    """Exit code 2; no record says that a picture was delivered, and no part of it is left."""
    (cli.folder / "taken").mkdir()
    (cli.folder / "taken" / ".out.png.part").mkdir()  # a folder where the file should be
    ran = cli.at("generate", "a red apple", "-o", "taken/out.png")
    assert ran.exit_code == 2
    assert "taken/out.png can't be written" in ran.err
    (closing,) = cli.at("audit", "list", "--stage", "outcome", "--json").json["records"]
    assert (closing["outcome"], closing["out"]) == ("error", [])
