"""One suite over every image generator: the scripted fake, diffusers' three families, an OpenAI server."""

import functools
import itertools
import time
from typing import ClassVar

import pytest
from support.images_server import ImagesServer

from gateway.generation import emoji
from gateway.generation.diffusers_backend import DiffusersGenerator
from gateway.generation.fakes import Draw, Hang, ScriptedGenerator
from gateway.generation.openai_backend import OpenAIGenerator
from gateway.generation.testing import GeneratorContract


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory):
    """The folder of a family's tiny pipeline, built once."""
    from support import tiny_pipelines

    @functools.cache
    def folder(family):
        return getattr(tiny_pipelines, f"tiny_{family}")(tmp_path_factory.mktemp(family))

    return folder


class TestScriptedGenerator(GeneratorContract):
    """The fake keeps the promises that tests rely on."""

    async def make(self):
        return ScriptedGenerator(itertools.repeat(Draw(), 100))

    async def make_slow(self):
        return ScriptedGenerator([Hang()], step_s=0.2)

    def work_seen(self, generator):
        return generator.steps_drawn


class DiffusersContract(GeneratorContract):
    """Tiny random pipelines, saved and loaded by diffusers' own code."""

    options: ClassVar[dict] = {}

    family: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _folder(self, tiny_folder):
        self.folder = tiny_folder(self.family)
        self.steps = 0

    async def make(self):
        settings = {"model": str(self.folder), "default_size": "64x64", "default_steps": 3, **self.options}
        return DiffusersGenerator.from_options("tiny", settings)

    async def make_slow(self):
        generator = await self.make()
        start = generator.start

        async def start_slowly():
            await start()
            scheduler = generator._painter.loaded.pipe.scheduler
            step = scheduler.step

            def slow_step(*args, **kwargs):
                time.sleep(0.2)
                self.steps += 1
                return step(*args, **kwargs)

            slow_step.__wrapped__ = step  # pipelines look at the signature
            scheduler.step = slow_step

        generator.start = start_slowly
        return generator

    def work_seen(self, generator):
        return self.steps


@pytest.mark.models
class TestEmoji(DiffusersContract):
    """The embedded model, by its own entry."""

    @pytest.fixture(autouse=True)
    def _folder(self):
        self.steps = 0

    async def make(self):
        return emoji.from_options("emoji", {"default_size": "64x64", "default_steps": 3})


class TestStableDiffusion(DiffusersContract):
    """Stable Diffusion, previews by the linear approximation."""

    family = "sd"


class TestStableDiffusionXL(DiffusersContract):
    """SDXL, with a scheduler of the operator's choice."""

    options: ClassVar[dict] = {"scheduler": "DPMSolverMultistepScheduler"}

    family = "sdxl"


class TestFlux(DiffusersContract):
    """Flux, previews by decoding the unpacked latents, negative prompts by true guidance."""

    options: ClassVar[dict] = {
        "preview": "vae",
        "true_cfg_scale": 4.0,
        "call_options": {"max_sequence_length": 64},
    }

    family = "flux"


class TestOpenAI(GeneratorContract):
    """An OpenAI-compatible server that takes seeds."""

    tolerance = 0

    @pytest.fixture(autouse=True)
    async def _server(self):
        async with ImagesServer() as self.server, ImagesServer(never=True) as self.slow_server:
            yield

    def _generator(self, server):
        options: ClassVar[dict] = {
            "base_url": server.base_url,
            "model": "noise",
            "parameters": {"seed": "seed"},
        }
        return OpenAIGenerator.from_options("upstream", options)

    async def make(self):
        return self._generator(self.server)

    async def make_slow(self):
        return self._generator(self.slow_server)

    def work_seen(self, generator):
        return self.slow_server.open_calls

    async def test_cancelling_closes_the_upstream_calls(self):
        """No call stays open upstream once its request was cancelled."""
        import asyncio

        generator = await self.make_slow()
        await generator.start()
        waiting = asyncio.ensure_future(anext(generator.generate(self.request((1, 2, 3)))))
        while self.slow_server.open_calls < 3:
            await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.sleep(0.2)

        assert self.slow_server.open_calls == 0
        await generator.close()
