"""The suite that every image generator passes, ours and a third party's.

Duty: the promises of `gateway.core.ports.ImageGenerator` as tests. Subclass `GeneratorContract`, give it
`make` and `make_slow`, and let pytest (with pytest-asyncio in auto mode) collect the subclass.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from classifiers.protocol import Pixels
from gateway.core.errors import GatewayError, GenerationFailed, RequestInvalid, StageTimeout
from gateway.core.ports import (
    Generated,
    GenerationEvent,
    GenerationRequest,
    ImageGenerator,
    Picture,
    Progress,
)
from gateway.generation.checks import check_request
from gateway.imaging.decode import decode


class GeneratorContract:
    """The promises, one test each.

    `size` is a small size that the backend takes, `bad_size` one that it refuses. `tolerance` is how many
    levels of 255 a picture may differ when it is drawn again in other company.
    """

    size: ClassVar[tuple[int, int]] = (64, 64)
    bad_size: ClassVar[tuple[int, int]] = (61, 64)
    tolerance: ClassVar[int] = 2

    async def make(self) -> ImageGenerator:
        """Return a generator, not started, good for any number of requests."""
        raise NotImplementedError

    async def make_slow(self) -> ImageGenerator:
        """As `make`, but each step takes 0.2 s or more; a backend without steps never answers."""
        raise NotImplementedError

    def work_seen(self, generator: ImageGenerator) -> int:
        """How many steps were drawn so far; for a backend without steps, how many calls are open upstream."""
        raise NotImplementedError

    def request(self, seeds: tuple[int, ...] = (1,), **changes: Any) -> GenerationRequest:
        """A small request; `changes` override its fields."""
        width, height = self.size
        request = GenerationRequest("r-1", "a red apple", None, width, height, seeds, timeout_s=60.0)
        return replace(request, **changes)

    async def test_card_takes_its_own_default(self) -> None:
        """The default size on the card is one that the backend accepts, and it names its identity."""
        async with running(await self.make()) as generator:
            card = generator.card
            width, height = card.default_size
            check_request(card, self.request(width=width, height=height))
            assert card.name
            assert card.identity.role == "generator"

    async def test_progress_then_exactly_one_end(self) -> None:
        """Steps come in order up to the last one, then the pictures once, then nothing."""
        async with running(await self.make()) as generator:
            events = [event async for event in generator.generate(self.request())]

        steps = [event for event in events if isinstance(event, Progress)]
        assert [event.step for event in steps] == sorted({event.step for event in steps})
        assert len({event.steps for event in steps}) <= 1
        assert all(1 <= event.step <= event.steps for event in steps)
        assert [type(event) for event in events].count(Generated) == 1
        assert isinstance(events[-1], Generated)

    async def test_one_picture_per_seed_in_order(self) -> None:
        """n seeds give n pictures of the asked size, each the picture of its own seed."""
        seeds = (7, 3, 11, 5, 2, 13)
        async with running(await self.make()) as generator:
            together = await pixels_of(generator, self.request(seeds))
            alone = [await pixels_of(generator, self.request((seed,))) for seed in seeds[:3]]

        assert len(together) == len(seeds)
        for pixels in together:
            assert pixels.shape == (self.size[1], self.size[0], 3)
            assert pixels.dtype == np.uint8
        if "seed" in generator.card.parameters:
            for one, (other,) in zip(together, alone, strict=False):
                assert distance(one, other) <= self.tolerance
            assert distance(together[0], together[1]) > self.tolerance

    async def test_same_seed_same_pixels(self) -> None:
        """The same request twice is the same picture, to the pixel."""
        async with running(await self.make()) as generator:
            if "seed" not in generator.card.parameters:
                pytest.skip("this backend promises no seed")
            (first,) = await pixels_of(generator, self.request((42,)))
            (second,) = await pixels_of(generator, self.request((42,)))

        assert np.array_equal(first, second)

    async def test_concurrent_requests_get_their_own_pictures(self) -> None:
        """Eight requests at once: each receives the picture of its own seed, whatever it was drawn with."""
        async with running(await self.make()) as generator:
            asked = [self.request((seed,), request_id=f"r-{seed}") for seed in range(8)]
            crowd = await asyncio.gather(*(pixels_of(generator, one) for one in asked))
            alone = await pixels_of(generator, asked[5])

        assert [len(pictures) for pictures in crowd] == [1] * 8
        if "seed" in generator.card.parameters:
            assert distance(crowd[5][0], alone[0]) <= self.tolerance
            assert all(distance(crowd[5][0], crowd[i][0]) > self.tolerance for i in (0, 1, 7))

    async def test_closing_the_iterator_stops_the_work(self) -> None:
        """After `aclose`, or a cancelled wait, at most one further step is drawn."""
        async with running(await self.make_slow()) as generator:
            events = generator.generate(self.request(steps=self._many_steps(generator)))
            waiting = asyncio.ensure_future(anext(events))
            await asyncio.wait({waiting}, timeout=0.7)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await events.aclose()  # type: ignore[attr-defined]  # it is an async generator in all backends
            seen = self.work_seen(generator)
            await asyncio.sleep(0.8)

            assert self.work_seen(generator) <= seen + 1

    async def test_a_cancelled_neighbour_harms_nobody(self) -> None:
        """Of two requests drawn together one is cancelled; the other gets its picture."""
        async with running(await self.make()) as generator:
            lost = asyncio.ensure_future(pixels_of(generator, self.request((1,), request_id="lost")))
            kept = asyncio.ensure_future(pixels_of(generator, self.request((2,), request_id="kept")))
            await asyncio.sleep(0)
            lost.cancel()

            assert len(await kept) == 1
            await asyncio.gather(lost, return_exceptions=True)

    async def test_a_refused_size_names_the_field(self) -> None:
        """A size that the backend does not take is refused before any work, naming `size`."""
        async with running(await self.make()) as generator:
            for width, height in (self.bad_size, (0, 64), (64, -8), (1 << 14, 1 << 14)):
                with pytest.raises(RequestInvalid) as refused:
                    await pixels_of(generator, self.request(width=width, height=height))
                assert refused.value.param == "size"

    async def test_refused_steps_name_the_field(self) -> None:
        """No steps, negative ones and too many are refused, naming `num_inference_steps`."""
        async with running(await self.make()) as generator:
            for steps in (0, -1, generator.card.max_steps + 1):
                with pytest.raises(RequestInvalid) as refused:
                    await pixels_of(generator, self.request(steps=steps))
                assert refused.value.param == "num_inference_steps"

    async def test_parameters_not_on_the_card_are_refused(self) -> None:
        """What the card does not name is refused by field, never accepted and ignored."""
        fields: dict[str, tuple[str, Any]] = {
            "negative_prompt": ("negative_prompt", "blurry"),
            "guidance_scale": ("guidance_scale", 4.0),
            "quality": ("quality", "high"),
            "background": ("background", "transparent"),
            "style": ("style", "vivid"),
            "preview": ("preview_count", 2),
        }
        async with running(await self.make()) as generator:
            for parameter in fields.keys() - generator.card.parameters:
                name, value = fields[parameter]
                with pytest.raises(RequestInvalid) as refused:
                    await pixels_of(generator, self.request(**{name: value}))
                assert refused.value.param in {name, "partial_images"}

    async def test_previews_are_pictures_one_per_image(self) -> None:
        """Where previews are promised, they come before the end, one per picture, and none unasked."""
        async with running(await self.make()) as generator:
            if "preview" not in generator.card.parameters:
                pytest.skip("this backend promises no previews")
            asked = self.request((1, 2), preview_count=2, steps=4)
            shown = [e.previews async for e in generator.generate(asked) if isinstance(e, Progress)]
            unasked = [
                e.previews async for e in generator.generate(self.request()) if isinstance(e, Progress)
            ]

        rounds = [previews for previews in shown if previews]
        assert [len(previews) for previews in rounds] == [2, 2]
        for picture in rounds[0]:
            assert picture.dtype == np.uint8
            assert picture.ndim == 3
            assert picture.shape[2] == 3
        assert not any(unasked)

    async def test_time_runs_out_as_a_stage_timeout(self) -> None:
        """A request that takes longer than its `timeout_s` ends as StageTimeout, 504, in good time."""
        async with running(await self.make_slow()) as generator:
            loop = asyncio.get_running_loop()
            started_s = loop.time()
            with pytest.raises(StageTimeout) as late:
                await pixels_of(generator, self.request(steps=self._many_steps(generator), timeout_s=0.3))

            assert late.value.status == 504
            assert loop.time() - started_s < 5.0

    async def test_close_twice_then_refuse(self) -> None:
        """Closing twice is fine; a request afterwards fails at once instead of hanging."""
        generator = await self.make()
        await generator.start()
        await generator.close()
        await generator.close()

        with pytest.raises(GenerationFailed):
            async with asyncio.timeout(5):
                await pixels_of(generator, self.request())

    async def test_close_ends_those_who_wait(self) -> None:
        """A request under way when the generator is closed ends with an error, not in a hang."""
        generator = await self.make_slow()
        await generator.start()
        waiting = asyncio.ensure_future(
            pixels_of(generator, self.request(steps=self._many_steps(generator), timeout_s=3.0))
        )
        await asyncio.sleep(0.1)
        await generator.close()

        with pytest.raises(GatewayError):
            await asyncio.wait_for(waiting, 10)

    def _many_steps(self, generator: ImageGenerator) -> int | None:
        return 20 if "steps" in generator.card.parameters else None


@asynccontextmanager
async def running(generator: ImageGenerator) -> AsyncIterator[ImageGenerator]:
    """Start, hand out, close."""
    await generator.start()
    try:
        yield generator
    finally:
        await generator.close()


async def pixels_of(generator: ImageGenerator, request: GenerationRequest) -> list[Pixels]:
    """Run a request to its end and return the pictures' pixels, encoded ones decoded."""
    last: GenerationEvent | None = None
    async for event in generator.generate(request):
        last = event
    assert isinstance(last, Generated), "the stream ended without pictures"
    return [await _pixels(picture) for picture in last.pictures]


def distance(one: Pixels, other: Pixels) -> int:
    """The largest difference of any value, in levels of 255."""
    return int(np.abs(one.astype(np.int16) - other.astype(np.int16)).max())


async def _pixels(picture: Picture) -> Pixels:
    return picture.pixels if picture.pixels is not None else await decode(picture.encoded or b"")
