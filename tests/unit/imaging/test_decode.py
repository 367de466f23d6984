"""Uploads: what is taken is decoded as people see it, everything else is refused by name."""

import asyncio
import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from gateway.core.errors import Overloaded
from gateway.imaging.decode import DecodeLimits, ImageRefused, decode, decode_blocking, on_pixels
from gateway.imaging.workers import PixelWorkers


def picture(width=48, height=32, mode="RGB"):
    rng = np.random.default_rng(0)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,), "CMYK": (4,)}[mode]
    return (
        Image.fromarray(rng.integers(0, 256, (height, width, *channels), dtype=np.uint8), mode=None)
        if (mode in {"L", "RGB", "RGBA"})
        else Image.new("CMYK", (width, height), (10, 200, 30, 40))
    )


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
async def test_lossless_formats_come_back_exactly(kind, options):
    """A lossless picture is decoded to the very pixels that were encoded."""
    image = picture()

    pixels = await decode(encoded(image, kind, **options))

    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, np.asarray(image))


@pytest.mark.parametrize("kind", ["JPEG", "GIF"])
async def test_other_allowed_formats_have_the_right_shape(kind):
    """JPEG and still GIF are decoded to H x W x 3 uint8."""
    pixels = await decode(encoded(picture(31, 17), kind))

    assert pixels.shape == (17, 31, 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.9])
async def test_truncated_files_are_refused(kind, part):
    """A file that ends early is refused, not filled up with grey."""
    whole = encoded(picture(96, 96), kind)

    with pytest.raises(ImageRefused):
        await decode(whole[: int(len(whole) * part)])


async def test_a_png_without_its_end_is_refused():
    """A PNG is whole only with its end chunk."""
    with pytest.raises(ImageRefused, match="truncated"):
        await decode(encoded(picture(), "PNG")[:-12])


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "ICO", "PPM"])
async def test_formats_outside_the_list_are_refused(kind):
    """A format that is not on the list is refused with the list."""
    with pytest.raises(ImageRefused, match="gif, jpeg, png, webp"):
        await decode(encoded(picture(16, 16), kind))


async def test_a_shorter_list_is_obeyed():
    """An operator's shorter list of formats refuses the others."""
    with pytest.raises(ImageRefused, match="none of png"):
        await decode(encoded(picture(), "JPEG"), DecodeLimits(formats=frozenset({"png"})))


@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"not a picture", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff"]
)
async def test_garbage_is_refused(content):
    """Bytes that are no picture are refused."""
    with pytest.raises(ImageRefused):
        await decode(content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_damaged_files_never_raise_anything_else(kind):
    """Whatever bytes are flipped, the answer is pixels or ImageRefused."""
    whole = bytearray(encoded(picture(24, 24), kind))
    rng = np.random.default_rng(1)
    for _ in range(150):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 4):
            damaged[place] = rng.integers(0, 256)
        try:
            pixels = decode_blocking(bytes(damaged))
        except ImageRefused:
            continue
        assert pixels.ndim == 3


async def test_too_many_bytes_are_refused_with_the_limit():
    """The byte cap is checked first and named."""
    with pytest.raises(ImageRefused, match="at most 100 are taken"):
        await decode(encoded(picture(), "PNG"), DecodeLimits(max_bytes=100))


def bomb(width, height):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 10))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(4097, 4096), (10_000, 10_000), (60_000, 60_000)])
async def test_huge_headers_are_refused_before_decoding(size):
    """The size in the header is refused before any pixel is decoded, however small the file."""
    started = time.perf_counter()

    with pytest.raises(ImageRefused, match=r"at most 16\.8 megapixels"):
        await decode(bomb(*size))

    assert time.perf_counter() - started < 20


async def test_the_largest_allowed_size_is_taken():
    """16.8 megapixels are a limit, not one too many."""
    content = encoded(Image.new("RGB", (4096, 4096)), "PNG", compress_level=1)

    assert (await decode(content)).shape == (4096, 4096, 3)


@pytest.mark.parametrize(("kind", "word"), [("GIF", "gif"), ("PNG", "png"), ("WEBP", "webp")])
async def test_animations_are_refused_by_name(kind, word):
    """An animation is refused: only its first frame would be judged."""
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue", "green")]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)

    with pytest.raises(ImageRefused, match=f"{word} is animated"):
        await decode(content)


async def test_exif_orientation_is_applied():
    """What is judged stands upright, as a viewer shows it."""
    image = Image.new("RGB", (40, 20), "white")
    image.paste("black", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise

    pixels = await decode(encoded(image, "JPEG", exif=exif, quality=95))

    assert pixels.shape == (40, 20, 3)
    assert pixels[:15].mean() < 20
    assert pixels[25:].mean() > 235


async def test_alpha_is_composited_on_white():
    """A see-through pixel is judged as white, a half one as half."""
    image = Image.new("RGBA", (4, 1), (0, 0, 0, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 128))

    row = (await decode(encoded(image, "PNG")))[0]

    assert row[0].tolist() == [255, 255, 255]
    assert abs(int(row[1][0]) - 127) <= 1
    assert row[2].tolist() == [0, 0, 0]


async def test_a_transparent_palette_is_composited_on_white():
    """Palette transparency counts like alpha."""
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)

    row = (await decode(encoded(image, "PNG", transparency=0)))[0]

    assert row.tolist() == [[255, 255, 255], [0, 255, 0]]


async def test_wide_grey_is_scaled_not_clipped():
    """A 16-bit grey picture keeps its shades; clipping would hide it from the classifiers."""
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None, :].repeat(4, axis=0)

    pixels = await decode(encoded(Image.fromarray(ramp), "PNG"))

    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[0, 255].tolist() == [255, 255, 255]
    assert abs(int(pixels[0, 128, 0]) - 128) <= 1


async def test_cmyk_becomes_rgb():
    """A CMYK JPEG is taken as RGB."""
    assert (await decode(encoded(picture(mode="CMYK"), "JPEG"))).shape == (32, 48, 3)


async def test_slow_decoding_is_refused_in_time(monkeypatch):
    """A picture whose own decoding takes too long is the sender's fault."""
    monkeypatch.setattr("gateway.imaging.decode.excess", lambda _: time.sleep(0.3))
    workers = PixelWorkers(threads=1, queue_limit=4)
    with pytest.raises(ImageRefused, match=r"within 0\.05 s"):
        await decode(encoded(picture(), "PNG"), DecodeLimits(timeout_s=0.05), workers=workers)
    workers.close()


async def test_waiting_is_overload_and_not_the_pictures_fault():
    """Pictures before it that take long are no reason to call a picture malformed; it is dropped unread."""
    workers = PixelWorkers(threads=1, queue_limit=4, wait_s=0.05)
    busy = asyncio.ensure_future(workers.run(lambda: time.sleep(0.3)))
    await asyncio.sleep(0)
    ran = []
    with pytest.raises(Overloaded):
        await workers.run(lambda: ran.append(1), timeout_s=0.01)
    await busy
    workers.close()
    assert not ran


async def test_pixels_are_counted_before_they_are_made():
    """What counts them is told width × height × 3, and ends the decoding by raising."""
    told = []
    before = on_pixels.set(told.append)
    try:
        await decode(encoded(picture(), "PNG"))
        assert told == [32 * 48 * 3]
        on_pixels.set(refuse)
        with pytest.raises(Overloaded):
            await decode(encoded(picture(), "PNG"))
    finally:
        on_pixels.reset(before)


async def test_no_memory_is_overload(monkeypatch):
    """A picture that finds no memory is to be sent again, not to be called malformed."""
    monkeypatch.setattr("gateway.imaging.decode._check_header", refuse_for_memory)
    with pytest.raises(Overloaded):
        await decode(encoded(picture(), "PNG"))


def refuse(_):
    raise Overloaded("full", retry_after_s=1)


def refuse_for_memory(*_):
    raise MemoryError


async def test_a_full_queue_is_overloaded():
    """Beyond the bounded queue the call is refused at once, and a place freed is usable again."""
    workers = PixelWorkers(threads=1, queue_limit=1)
    first = asyncio.ensure_future(workers.run(lambda: time.sleep(0.1)))
    second = asyncio.ensure_future(workers.run(lambda: 2))
    await asyncio.sleep(0.02)

    with pytest.raises(Overloaded):
        await workers.run(lambda: 3)

    await first
    assert await second == 2
    assert await workers.run(lambda: 4) == 4
    workers.close()
    with pytest.raises(Overloaded):
        await workers.run(lambda: 5)


def with_chunk(png, kind, body):
    """The PNG with one more chunk behind its header."""
    whole = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return png[:33] + whole + png[33:]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"acTL", struct.pack(">II", 1, 0)),
        (b"acTL", struct.pack(">II", 0, 0)),
        (b"acTL", b""),
        (b"fcTL", bytes(26)),
        (b"fdAT", bytes(8)),
    ],
)
async def test_a_png_with_any_part_of_an_animation_is_refused(kind, body):
    """A false count of frames shows one picture here and another one elsewhere."""
    with pytest.raises(ImageRefused, match="animated; send a single still"):
        await decode(with_chunk(encoded(picture(), "PNG"), kind, body))


def ramp(mode="L"):
    grey = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (8, 1)))
    return grey if mode == "L" else grey.convert(mode)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
async def test_gamma_is_applied_as_viewers_apply_it(mode):
    """A gamma that turns a dark picture bright is judged bright; that of a screen changes nothing."""
    plain = encoded(ramp(mode), "PNG")
    as_written = await decode(plain)

    assert np.array_equal(await decode(with_chunk(plain, b"gAMA", struct.pack(">I", 45455))), as_written)
    bright = await decode(with_chunk(plain, b"gAMA", struct.pack(">I", 1_000_000)))
    assert bright[0, 20, 0] > 200 > as_written[0, 20, 0]
    sure = with_chunk(with_chunk(plain, b"gAMA", struct.pack(">I", 1_000_000)), b"sRGB", b"\0")
    assert np.array_equal(await decode(sure), as_written)


@pytest.mark.parametrize("gamma", [0, 1, 2**31 - 1])
async def test_a_gamma_that_is_none_is_refused(gamma):
    """A gamma outside all reason would show nothing."""
    with pytest.raises(ImageRefused, match="save it again as sRGB"):
        await decode(with_chunk(encoded(ramp(), "PNG"), b"gAMA", struct.pack(">I", gamma)))


def lab_profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def swapped_profile():
    """sRGB whose red and blue primaries changed places: what is written red is shown blue."""
    whole = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for at in range(132, 132 + 12 * struct.unpack_from(">I", whole, 128)[0], 12):
        other = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}.get(bytes(whole[at : at + 4]))
        if other is not None:
            whole[at : at + 4] = other
    return bytes(whole)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_a_colour_profile_is_applied_as_viewers_apply_it(kind):
    """A profile that turns red into blue is judged blue; sRGB's own changes next to nothing."""
    red = Image.new("RGB", (16, 16), (220, 20, 20))
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    as_written = await decode(encoded(red, kind, icc_profile=own))
    shown = await decode(encoded(red, kind, icc_profile=swapped_profile()))

    assert abs(as_written[8, 8].astype(int) - (220, 20, 20)).max() < 8
    assert shown[8, 8, 2] > 150 > 100 > shown[8, 8, 0]


async def test_a_broken_profile_is_refused():
    """What can't be applied can't be judged as it is shown."""
    with pytest.raises(ImageRefused, match=r"colour profile.*save it again as sRGB"):
        await decode(encoded(picture(), "PNG", icc_profile=b"no profile at all"))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "CMYK"])
async def test_a_profile_for_another_kind_of_picture_changes_nothing(mode):
    """A grey picture saved with the profile of the coloured one it was is common, and shown as it is."""
    image = Image.new("I;16", (8, 8), 40_000) if mode == "I;16" else picture(8, 8).convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    as_written = await decode(encoded(image, kind))

    shown = await decode(encoded(image, kind, icc_profile=own))
    assert abs(shown.astype(int) - as_written).max() <= 2
    lab = await decode(encoded(image, kind, icc_profile=lab_profile()))
    assert np.array_equal(lab, as_written)
