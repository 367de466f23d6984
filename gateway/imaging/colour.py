"""A picture's own colour settings → sRGB, as viewers show it.

Duty: apply an embedded ICC profile, or a PNG's gamma, before anybody looks: either can turn a harmless file
into another picture on the screen. What can't be applied is refused by the caller. A PNG's primaries (cHRM)
are not applied: viewers differ, and they tint a picture without changing what it shows.
Sources: PNG specification (third edition) 4.3: an ICC profile comes before sRGB, and sRGB before gamma.
"""

from __future__ import annotations

import io
from typing import Final

from PIL import Image, ImageCms

_DISPLAY_GAMMA: Final = 1 / 2.2
_SAME: Final = 0.05
"""Gammas closer than this share of the display's show the same picture."""
_WITHOUT_PROFILE: Final = {"P": "RGB", "PA": "RGBA", "1": "L", "LA": "RGBA"}


_SPACES: Final = {"L": "GRAY", "RGB": "RGB", "RGBA": "RGB", "CMYK": "CMYK"}


class ColourRefused(Exception):
    """The picture's colour settings can't be applied."""


def to_srgb(image: Image.Image) -> Image.Image:
    """Return the picture as an sRGB screen shows it; the same object where nothing has to be done.

    Takes and returns any of Pillow's 8-bit modes; transparency stays as it is.

    Raises:
        ColourRefused: the ICC profile is broken; the gamma is no gamma.
    """
    profile = image.info.get("icc_profile")
    if profile:
        return _by_profile(image, profile)
    gamma = image.info.get("gamma")
    if gamma is None or image.info.get("srgb") is not None:
        return image
    if not 0.01 <= gamma <= 100:
        raise ColourRefused("its gamma is no gamma")
    return image if abs(gamma / _DISPLAY_GAMMA - 1) < _SAME else _by_gamma(_plain(image), gamma)


def _plain(image: Image.Image) -> Image.Image:
    """Palettes hold colours that a curve would have to be applied to one by one."""
    if image.has_transparency_data and image.mode != "RGBA":
        return image.convert("RGBA")
    mode = _WITHOUT_PROFILE.get(image.mode)
    return image if mode is None else image.convert(mode)


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if image.mode == "LA" and space == "GRAY":
            shown = _converted(image.getchannel("L"), source)
            shown.putalpha(image.getchannel("A"))
            return shown
        plain = _plain(image)
        # Browsers ignore a profile that is made for another kind of picture; grey with sRGB's is common.
        return _converted(plain, source) if space == _SPACES.get(plain.mode) else image
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        raise ColourRefused("its colour profile can't be applied") from error


def _converted(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image,
        source,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGBA" if image.mode == "RGBA" else "RGB",
    )
    assert converted is not None  # it is None only for a change in place
    return converted


def _by_gamma(image: Image.Image, gamma: float) -> Image.Image:
    power = _DISPLAY_GAMMA / gamma
    curve = [round(255 * (value / 255) ** power) for value in range(256)]
    bands = [curve] * len(image.getbands())
    if image.mode == "RGBA":
        bands[3] = list(range(256))
    return image.point([value for band in bands for value in band])
