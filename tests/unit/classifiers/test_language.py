"""Which texts are marked as outside of the trained classifiers' languages, and which short ones are not."""

from __future__ import annotations

import pytest

from classifiers.protocol import ClassifierConfigError
from classifiers.text.language import LOW, LanguageClassifier

ENGLISH = LanguageClassifier.from_options("language", {})

OTHERS = """
ein roter Apfel auf einem Holztisch | une pomme rouge sur une table en bois
una manzana roja sobre una mesa
una mela rossa su un tavolo di legno | uma maçã vermelha em cima de uma mesa
een rode appel op een houten tafel
ett rött äpple på ett träbord | czerwone jabłko na drewnianym stole
červené jablko na dřevěném stole
ahşap masanın üzerinde kırmızı bir elma | sebuah apel merah di atas meja kayu
một quả táo đỏ trên bàn gỗ
красное яблоко на столе | червоне яблуко на столі | ένα κόκκινο μήλο
تفاحة حمراء على طاولة | תפוח אדום על שולחן
लकड़ी की मेज पर एक लाल सेब | แอปเปิ้ลสีแดงบนโต๊ะไม้ | 木桌上的红苹果 | 赤いりんご | 빨간 사과
EIN ROTER APFEL AUF EINEM HOLZTISCH | 8k photo, 赤いりんごと青い花
"""
ENGLISH_PROMPTS = """
a red apple | tiramisu | sushi, neon | art nouveau poster
Rio de Janeiro | Rio de Janeiro at night | Mona Lisa
Vincent van Gogh | fleur de lis pattern | crème brûlée on a plate
Notre Dame de Paris | Café de Flore
spaghetti alla carbonara | Leonardo da Vinci | kung fu panda | München beer hall
A RED APPLE ON A TABLE | 8k
masterpiece, best quality, 8k uhd | greg rutkowski, artgerm | ukiyo-e wave
a neon sign that says 酒 | π and α
isometric city block, pastel colours, highly detailed | shot on Leica M6, Kodak Portra 400 | 12345 | 🍎🍏
… | x
"""


def sentences(block: str) -> list[str]:
    return [part.strip() for line in block.strip().splitlines() for part in line.split(" | ")]


def score(text: str, classifier: LanguageClassifier = ENGLISH) -> float:
    return max((signal.score for signal in classifier.classify([text])[0]), default=0.0)


@pytest.mark.parametrize("text", sentences(OTHERS))
def test_another_language_is_marked(text: str) -> None:
    """A sentence in another language or script reaches `low`."""
    assert score(text) >= LOW


@pytest.mark.parametrize("text", sentences(ENGLISH_PROMPTS))
def test_short_prompts_names_and_loans_are_not_marked(text: str) -> None:
    """A language is never guessed from a word or two, from names, dishes, styles or one foreign sign."""
    assert score(text) < LOW


def test_what_an_operator_covers_is_not_marked() -> None:
    """`covered` names the languages of the trained classifiers, in any script; the others stay marked."""
    wide = LanguageClassifier.from_options("language", {"covered": ["en", "fr", "ru"]})
    assert score("une pomme rouge sur une table en bois", wide) < LOW
    assert score("красное яблоко на деревянном столе", wide) < LOW
    assert score("ein roter Apfel auf einem Holztisch", wide) >= LOW
    assert score("木桌上的红苹果", wide) >= LOW
    assert wide.card.revision != ENGLISH.card.revision


def test_an_unknown_language_is_refused() -> None:
    """The message names it and the known codes."""
    with pytest.raises(ClassifierConfigError, match="unknown language xx; known: af"):
        LanguageClassifier.from_options("language", {"covered": ["en", "xx"]})
