"""Pictures made by arithmetic alone, the same on every machine: for outputs that are kept beside tests."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def plain_pictures() -> dict[str, npt.NDArray[np.uint8]]:
    """Name → H × W × 3 uint8: flat, graded, skin-toned, striped, noisy; several sizes."""
    rows, columns = np.mgrid[0:299, 0:299]
    skin = np.array([224, 172, 140])
    blob = np.exp(-(((rows - 150) / 90.0) ** 2 + ((columns - 140) / 60.0) ** 2))[:, :, None]
    noise = np.random.default_rng(5).integers(0, 256, (40, 60, 3))
    checks = ((np.add.outer(np.arange(512), np.arange(512)) // 32) % 2 * 255)[:, :, None]
    pictures = {
        "white": np.full((299, 299, 3), 255),
        "grey": np.full((100, 180, 3), 128),
        "slope": np.stack([rows, columns, (rows + columns) // 2], 2) * 255 // 298,
        "skin": blob * skin + (1 - blob) * np.array([250, 250, 255]),
        "checks": np.repeat(checks, 3, 2),
        "noise": noise,
        "waves": 127 + 100 * np.sin(np.stack([rows / 9, columns / 7, (rows * columns) / 900], 2)),
        "red": np.broadcast_to(np.array([220, 30, 40]), (512, 400, 3)),
    }
    return {name: np.rint(pixels).clip(0, 255).astype(np.uint8) for name, pixels in pictures.items()}
