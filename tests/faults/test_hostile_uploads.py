"""Uploads are bombs until proven otherwise: every file of thousands is decoded or clearly refused.

`make fuzz` reads 6,000 of them; `IMAGEGATE_FUZZ_UPLOADS` sets another number.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

import numpy as np
from support.gateway import scripted_gateway
from support.hostile_images import hostile_uploads

from gateway.imaging.decode import DecodeLimits, ImageRefused, decode_blocking

COUNT = int(os.environ.get("IMAGEGATE_FUZZ_UPLOADS", "1000"))
POSTED = 120
"""How many of them also go through HTTP."""


def test_every_hostile_file_is_decoded_or_refused() -> None:
    """Whatever the bytes, the answer is H × W × 3 uint8 within the limits, or a refusal that says why."""
    reasons = []
    for name, content in hostile_uploads(COUNT):
        try:
            pixels = decode_blocking(content)
        except ImageRefused as error:
            reasons.append(error.reason)
            continue
        assert (pixels.dtype, pixels.ndim, pixels.shape[2]) == (np.uint8, 3, 3), name
        assert pixels.shape[0] * pixels.shape[1] <= DecodeLimits().max_pixels, name
    assert 0 < len(reasons) < COUNT
    assert all(reasons)


async def test_a_hostile_upload_is_a_clear_400(tmp_path: Path) -> None:
    """Over HTTP each file is judged like any picture or answered with 400 that names the field."""
    seen = set()
    async with scripted_gateway(tmp_path / "g", request_timeout_s=60) as scripted:
        for name, content in hostile_uploads(POSTED, seed=3, with_bombs=False):
            url = "data:image/png;base64," + base64.b64encode(content or b"x").decode()
            body = {"input": [{"type": "image_url", "image_url": {"url": url}}]}
            answer = await scripted.http.post("/v1/moderations", json=body)
            seen.add(answer.status_code)
            assert answer.status_code in {200, 400}, name
            if answer.status_code == 400:
                error = answer.json()["error"]
                assert (error["type"], error["param"]) == ("invalid_request_error", "input"), name
                assert "picture" in error["message"], name
    assert seen == {200, 400}
