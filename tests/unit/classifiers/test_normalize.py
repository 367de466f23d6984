"""What is undone, what is left alone, and where every character came from."""

from __future__ import annotations

import base64
import codecs
import time

import pytest

from classifiers.normalize import InvalidText, View, legible, views
from classifiers.signals import Span
from gateway.evaluation.evasions import leetspeak, spaced_letters


def names(text: str) -> list[str]:
    return [view.name for view in views(text)]


def view(text: str, name: str) -> View:
    return next(found for found in views(text) if found.name == name)


@pytest.mark.parametrize(
    "prompt",
    [
        "a red apple, 8k, 50mm f/1.4",
        "R2-D2",
        "1980s car",
        "U.S.A. flag at the 5th parade",
        "portrait of a woman, 35mm, ISO 400, f/1.8, 4k uhd, unreal engine 5",
        "castle --ar 16:9 --v 6",
        "H2O molecule, mp3 player",
        "salt &amp; pepper, a cat & a dog",
        "A, B, C and D",
        "J. R. R. Tolkien at his desk",
        "$100 bill",
        "user@example.com on a card",
        "www.example.com",
        "Rocky III, mmm tasty",
        "internationalization of well-known-phrases",
        "",
        "café au lait in a naïve façade",
        "cafe\u0301 in decomposed form",
        "фото кота на столе",
        "новый Nikon D850",
        "Ελληνικά αρχαία",
        "日本の城、夕焼け",
        "می‌خواهم یک گربه",
        "क्‍ष हिन्दी",
        "שלום עולם",
        "👨‍👩‍👧 family, 🏴󠁧󠁢󠁳󠁣󠁴󠁿 flag, ❤️ heart",
        "a photo… of “x”, 10 m², Acme™",
        "chapter5, level3, Area51, model3, win11, x64, AK47 toy",
        "70s disco, 90s anime, 3girls, 2boys, 3x3 grid",
        "αβγ helix",
        "a T-shirt with the word Привет",
        "Đẹp như một bức tranh phong cảnh với những ngọn núi và dòng sông",
        "Ein Hund schläft im Garten unter dem Baum",
        "gnomes forging xylophones",
        "Qwrtz Plmk",
        "fgenatyrq jvsr",  # rot13, but two words don't tell
    ],
)
def test_ordinary_prompts_have_one_view(prompt: str) -> None:
    """Each further view costs model time, so honest text never gets one."""
    assert names(prompt) == ["original"]


@pytest.mark.parametrize(
    "written",
    [
        "s\u0435cret",  # Cyrillic e
        "se\u200bcret",
        "se\u00adcret",
        "se\u2063c\ufe0fret",
        "s\u0336e\u0336c\u0336r\u0336e\u0336t\u0336",
        "s\u030ae\u030ac\u030ar\u030ae\u030at\u030a",
        "ｓｅｃｒｅｔ",
        "𝓼𝓮𝓬𝓻𝓮𝓽",
        "ⓢⓔⓒⓡⓔⓣ",
        "🅂🄴🄲🅁🄴🅃",
        "ꜱᴇᴄʀᴇᴛ",
        "&#115;ecret",
        "&amp;#115;ecret",
        "se\x00cret",
        "sec\U000e0041ret",
        "\U000e0073\U000e0065\U000e0063\U000e0072\U000e0065\U000e0074",
        "ѕесrеt",
        "sεcrετ",
        "s\u0301\u0308e\u0301\u0308c\u0301\u0308r\u0301\u0308e\u0301\u0308t\u0301\u0308",
    ],
)
def test_character_tricks_are_undone(written: str) -> None:
    """Invisible, overlaid, encoded and look-alike characters leave the plain word."""
    readable = view(f"the {written} word", "normalised").text
    assert codecs.decode("frperg", "rot13") in readable.casefold()


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("s3cr3t p4ssw0rd", "secret password"),
        ("$ecret", "secret"),
        ("se¢ret @pple", "se¢ret apple"),
        ("s e c r e t", "secret"),
        ("s.e.c.r.e.t", "secret"),
        ("s-e-c  o-n-e", "sec  one"),
        ("seeeecret", "secret"),
        ("kiiill", "kill"),
        ("séééécrét", "secret"),
        ("7h3 s3cr37 15 0n 4 l157", "the secret is on a list"),
        ("a gh057 and 53x", "a ghost and sex"),
        ("@ m@n h!d!ng @ $3cr37", "a man hiding a secret"),
        ("k1ll b1ll", "kill bill"),
        ("t h e m a n h i d e s", "the man hides"),
        ("t h e   m a n", "the   man"),
        ("t_h_e m_a_n i_n b.e.d.", "the man in bed"),
        ("a picture o f a m a n", "a picture of a man"),
        ("thisss wooooman", "this woman"),
        ("U S A", "usa"),
    ],
)
def test_word_tricks_are_undone_for_matching(written: str, folded: str) -> None:
    """Leetspeak, spelling out and stretching leave the plain word, in small letters without accents."""
    assert view(written, "folded").text == folded


def test_encoded_runs_are_decoded_in_place() -> None:
    """Base64, hexadecimal and rot13 runs appear in the clear, with the words around them."""
    hidden = "purple elephants dancing"
    for run in (base64.b64encode(hidden.encode()).decode(), hidden.encode().hex()):
        assert view(f"draw {run} please", "decoded").text == f"draw {hidden} please"
    turned = codecs.encode("a woman with a knife", "rot13")
    assert "woman with a knife" in view(f"picture: {turned}", "decoded").text
    turned = codecs.encode("the man behind a curtain", "rot13")
    assert view(f"draw {turned}, please", "decoded").text == "draw the man behind a curtain, please"


def test_random_identifiers_are_not_decoded() -> None:
    """A hash or a long token that decodes to no words makes no decoded view."""
    for run in ("d41d8cd98f00b204e9800998ecf8427e", "QWxhZGRpbjpvcGVuU2VzYW1lqqqq", "0123456789abcdef"):
        assert "decoded" not in names(f"file {run}")


def test_lone_surrogates_are_refused() -> None:
    """Half a character is no text; the gateway answers 400."""
    with pytest.raises(InvalidText):
        views("a \ud800 b")


def test_spans_point_into_the_text_as_written() -> None:
    """A match in any view maps back to exactly the characters that made it."""
    for text, name in [
        ("xx s\u200be\u200bcret yy", "normalised"),
        ("xx s e c r e t yy", "folded"),
        ("xx seeecret yy", "folded"),
        ("xx &#115;ecret yy", "normalised"),
        ("xx ѕecret &#115;3cr3t yy", "folded"),
    ]:
        found = view(text, name)
        at = found.text.rindex("secret")
        span = found.to_original(Span(at, at + 6))
        start = max(text[: span.start].rfind(" ") + 1 if name != "folded" else span.start, 0)
        assert span.start == start
        assert text[span.end :] == " yy"


def test_a_decoded_run_maps_to_the_whole_run() -> None:
    """Cutting what offends cuts the encoded run, not a piece of it."""
    run = base64.b64encode(b"purple elephants").decode()
    found = view(f"draw {run} now", "decoded")
    assert found.to_original(Span(6, 8)) == Span(5, 5 + len(run))


@pytest.mark.parametrize(
    "unit",
    [
        "a ", "&", "a1", "1a", "\u200b", "k\u0336", "e\u0301", "ѕ", "a.a", "A", "&amp;", "aGVs", "🅺",
        "\u1160",        "@a", "a$", "'a", "aѕ'", "6b", "é", "日", "a\u200b", "&#97;", "n anxrq ",
    ],
)  # fmt: skip
def test_hostile_repetition_takes_linear_time(unit: str) -> None:
    """32,000 characters of anything are looked at in well under a second."""
    began = time.process_time()
    views((unit * 32_000)[:32_000])
    assert time.process_time() - began < 10


def test_at_most_four_views() -> None:
    """However many tricks are mixed, the cost is bounded."""
    text = "s\u200becret s3cr3t " + base64.b64encode(b"purple elephants dancing").decode()
    assert names(text) == ["original", "normalised", "folded", "decoded"]


PLAIN = "a cat sleeping on a sunny windowsill"


@pytest.mark.parametrize(
    "written",
    [
        leetspeak(PLAIN),
        spaced_letters(PLAIN),
        base64.b64encode(PLAIN.encode()).decode(),
        base64.b64encode(b"a c4t sle3ping on a sunny wind0wsill").decode(),
        f"a {leetspeak('cat sleeping')} on a sunny windowsill",
    ],
    ids=["leetspeak", "spaced", "base64", "some leetspeak in base64", "half leetspeak"],
)
def test_a_garbled_text_is_legible(written: str) -> None:
    """Leetspeak, spelled-out letters and encoded runs, one in the other too, are read as what they spell."""
    read = legible(written)
    assert read is not None
    assert read.text.split() == PLAIN.split()
    assert all(0 <= a < b <= len(written) for a, b in zip(read.starts, read.ends, strict=True))


@pytest.mark.parametrize(
    "written",
    [
        PLAIN,
        "a photorealistic robot R2-D2 in the 1980s, 35mm f/1.4",
        "a quiet street where a c4t sleeps in sun",
    ],
)
def test_a_text_with_little_or_nothing_garbled_is_read_as_written(written: str) -> None:
    """One odd word in an ordinary text is left to the further views."""
    assert legible(written) is None


def test_twins_are_legible_wherever_they_stand() -> None:
    """Characters are made readable even where the words stay as they are."""
    read = legible("a r\u0435d apple")
    assert read is not None
    assert read.text == "a red apple"


def test_what_is_in_an_encoded_run_is_folded_too() -> None:
    """Leetspeak hides no better inside base64, and the run itself is not taken for leetspeak."""
    run = base64.b64encode(b"k1ll the d0g with a kn1fe").decode()
    assert view(run, "folded").text == "kill the dog with a knife"
    assert names(base64.b64encode(PLAIN.encode()).decode()) == ["original", "decoded"]


def test_rot13_shows_without_frequent_words() -> None:
    """A text is turned where its words are English that way and none as they stand."""
    plain = "dentist pulling a wisdom tooth, comic strip for a waiting room"
    assert view(codecs.encode(plain, "rot13"), "decoded").text == plain
    read = legible(codecs.encode(plain, "rot13"))
    assert read is not None
    assert read.text == plain
