"""The scripted generator does what its script says, and says so when the script ends."""

import numpy as np
import pytest

from gateway.core.ports import Generated, GenerationRequest, Picture, Progress
from gateway.generation.fakes import Draw, Hang, ScriptedGenerator, ScriptUsedUp, Silence, drawn


def request(*seeds, **changes):
    fields = {"negative_prompt": None, "width": 16, "height": 8, "timeout_s": 1.0} | changes
    return GenerationRequest("r", "words", seeds=seeds or (1,), **fields)


async def played(generator, asked):
    return [event async for event in generator.generate(asked)]


async def test_the_script_is_played_in_order():
    """Drawn pictures, given pictures, silence and errors come one per request, as written."""
    given = Picture(pixels=np.array([[[1, 2, 3]]], dtype=np.uint8))
    generator = ScriptedGenerator(
        [Draw(), Draw((given, given)), Silence(), RuntimeError("scripted")], steps=1
    )

    first = await played(generator, request(1, 2))
    second = await played(generator, request(1))
    third = await played(generator, request(1))
    with pytest.raises(RuntimeError, match="scripted"):
        await played(generator, request(1))

    assert first[0] == Progress(1, 1)
    assert [
        np.array_equal(a.pixels, b.pixels)
        for a, b in zip(first[1].pictures, drawn(request(1, 2)), strict=True)
    ]
    assert second[1] == Generated((given, given))
    assert third == [Progress(1, 1)]
    assert len(generator.requests) == 4


async def test_a_used_up_script_fails_loudly():
    """One request too many is an AssertionError, which no handler of ours takes for a backend's failure."""
    generator = ScriptedGenerator([])

    with pytest.raises(ScriptUsedUp, match="request 1 has no entry"):
        await played(generator, request(1))


async def test_a_hang_ends_with_the_request_time():
    """A hanging entry ends as StageTimeout after the request's own limit."""
    from gateway.core.errors import StageTimeout

    with pytest.raises(StageTimeout):
        await played(ScriptedGenerator([Hang()]), request(1, timeout_s=0.05))
