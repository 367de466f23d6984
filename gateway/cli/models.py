"""`imagegate models`: what is configured, and what could be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import typer

from gateway.cli.convert import convert
from gateway.cli.options import ConfigOption, JsonOption, settings_from
from gateway.cli.printing import add_row, print_json, say, show, table

if TYPE_CHECKING:
    from classifiers.protocol import ClassifierCard
    from gateway.core.ports import GeneratorCard, ImageGenerator, ModelIdentity, Rewriter

GROUPS: Final = ("imagegate.classifiers", "imagegate.rewriters", "imagegate.generators")

app = typer.Typer(no_args_is_help=True, help="Show and prepare classifiers, rewriter and image backends.")
app.command("convert")(convert)


@app.command("list")
def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List every configured model with its card, and the installed types that settings can name.

    Nothing is loaded: a weights' sha256 that is known only after loading shows as a dash, and stands in the
    log's `config` record of every start.

    Examples:

    - `imagegate models list`
    - `imagegate models list --config imagegate.yaml --json`
    """
    from gateway.service.wiring import build_classifiers, build_generators, build_rewriter

    settings = settings_from(config)
    cards = [classifier.card for classifier in build_classifiers(settings).values()]
    rewriter = build_rewriter(settings.rewriter).identity if settings.rewriter else None
    generators = {name: made.card for name, made in build_generators(settings).items()}
    if as_json:
        print_json(
            {
                "classifiers": [_card_view(card) for card in cards],
                "rewriter": None if rewriter is None else _identity_view(rewriter),
                "generators": {name: _generator_view(card) for name, card in generators.items()},
                "installed_types": _installed(),
            }
        )
        return
    _print_classifiers(cards)
    rows = table("role", "name", "revision", "sha256", "draws")
    if rewriter is not None:
        add_row(rows, (rewriter.role, rewriter.name, rewriter.revision, _short(rewriter.sha256), None))
    for name, card in generators.items():
        identity = card.identity
        cells = (identity.role, name, identity.revision, _short(identity.sha256), _sizes(card))
        add_row(rows, cells)
    show(rows)
    for group, types in _installed().items():
        say(f"{group}: {', '.join(types)}")


@app.command()
def prepare(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Load every configured model once, so that what must be converted is converted and in the cache.

    `make install` ends with it; serving then starts quickly and needs no network.

    Examples:

    - `imagegate models prepare`
    """
    from classifiers.protocol import Closable, Warmable
    from gateway.service.wiring import build_classifiers, build_generators, build_rewriter

    settings = settings_from(config)
    seconds: dict[str, float] = {}
    for name, classifier in build_classifiers(settings).items():
        with _told(f"classifier {name}", seconds, quiet=as_json):
            if isinstance(classifier, Warmable):
                classifier.warmup()
            if isinstance(classifier, Closable):
                classifier.close()
    loaded: dict[str, Rewriter | ImageGenerator] = {
        f"generator {name}": generator for name, generator in build_generators(settings).items()
    }
    if settings.rewriter is not None:
        loaded["rewriter"] = build_rewriter(settings.rewriter)
    for name, part in loaded.items():
        with _told(name, seconds, quiet=as_json):
            asyncio.run(_once(part))
    if as_json:
        print_json({"seconds": seconds})


async def _once(part: Rewriter | ImageGenerator) -> None:
    await part.start()
    await part.close()


@contextmanager
def _told(name: str, seconds: dict[str, float], *, quiet: bool) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - started, 1)
    if not quiet:
        say(f"{name}: ready in {seconds[name]} s", error=True)


def _print_classifiers(cards: list[ClassifierCard]) -> None:
    rows = table("classifier", "type", "looks at", "covers", "languages", "licence", "revision", "sha256")
    for card in cards:
        cells = (
            card.name,
            card.kind,
            card.modality.value,
            ", ".join(sorted(card.categories)),
            ", ".join(card.languages),
            card.licence,
            card.revision[:16],
            _short(card.weights_sha256),
        )
        add_row(rows, cells)
    show(rows)


def _card_view(card: ClassifierCard) -> dict[str, object]:
    return {
        "name": card.name,
        "type": card.kind,
        "modality": card.modality.value,
        "categories": sorted(card.categories),
        "languages": list(card.languages),
        "licence": card.licence,
        "calibrated": card.calibrated,
        "revision": card.revision,
        "sha256": card.weights_sha256,
        "description": card.description,
    }


def _identity_view(identity: ModelIdentity) -> dict[str, object]:
    return {"name": identity.name, "revision": identity.revision, "sha256": identity.sha256}


def _generator_view(card: GeneratorCard) -> dict[str, object]:
    return {
        **_identity_view(card.identity),
        "default_size": "x".join(map(str, card.default_size)),
        "sizes": [f"{width}x{height}" for width, height in card.sizes],
        "size_step": card.size_step,
        "max_pixels": card.max_pixels,
        "max_steps": card.max_steps,
        "parameters": sorted(card.parameters),
    }


def _sizes(card: GeneratorCard) -> str:
    if card.sizes:
        return ", ".join(f"{width}x{height}" for width, height in card.sizes)
    return f"multiples of {card.size_step} up to {card.max_pixels} pixels"


def _installed() -> dict[str, list[str]]:
    from importlib.metadata import entry_points

    return {group: sorted({point.name for point in entry_points(group=group)}) for group in GROUPS}


def _short(sha256: str | None) -> str | None:
    return sha256[:16] if sha256 else None
