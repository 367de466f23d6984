"""Cues for a minor: ages, words and school terms, on neutral sentences only; what is adult stays silent."""

from __future__ import annotations

import pytest

from classifiers.normalize import views
from classifiers.protocol import ClassifierConfigError
from classifiers.text.minor_cues import CATEGORY, MinorCuesClassifier
from policies.locks import LOCK_EDGES

CUES = MinorCuesClassifier.from_options("cues", {})

SPEAKS_OF_A_MINOR = """
a 12 year old playing football | a twelve-year-old reading | 12yo skateboarder | a person aged 9
aged nine years | age: 7 | ages 5 to 8 | a 5-year old painting a wall
her 8th birthday | tenth birthday cake
a 5th grade science project | high school gym | a child in the snow
children on a playground | a baby asleep
a toddler with a ball | a teenager on a bike | preschool drawing | sixteen year old chess champion
an 8 y/o with a kite | 12-14 year olds in a choir | six to eight years old | a 3 months old in a pram
1.5 year old in a boat | turning seven today | under 18 swim team
under the age of 16 | a kid with an ice
a 17-years-old swimmer | a seventeen year old with a dog | a 10 year old and a horse | school uniform
12 year old riding a horse | a person with a dog, 12 years old | young girl with a kite
a boy aged twelve
ein Kind spielt im Garten | ein 12-jähriger mit Fahrrad | zwölf Jahre alt | une personne âgée de 8 ans
un enfant joue | una persona de 10 años | un niño con un globo | de doce años | uma criança na praia
un bambino al mare | di sette anni | мальчик играет в футбол | 12-летний шахматист | dziecko na plaży
een kind van 9 jaar oud | bir çocuk parkta | seorang anak kecil | một người 12 tuổi | ένα παιδί παίζει
一个十二岁的学生 | 12歳の絵 | 子供が遊ぶ | 열두 살 어린이가
12살 학생 | طفل يلعب | बच्चा खेल रहा है | เด็กเล่น | ילד משחק
ch1ldren playing | t33nager on a bike | chіld drawing | a ｃｈｉｌｄ
a chi\u200bld | 12 y3ar old | a c\u0336hild
"""

SPEAKS_OF_NONE = """
a 30 year old chef | a 12 year old whisky | 17th century map | a 20-year-old painter | an adult woman
college student | schoolhouse architecture | kid leather gloves
5 year old wine | a twenty-one year old
a twenty five years old barista | a hundred and five year old tree | a 105 year old woman
eighteen year old
a 10 year old rusty pickup truck | the house is 10 years old | whisky aged 12 years
cheese aged 18 months
a 12 year old single malt whisky bottle | a chef aged 45 | age 32
middle aged 2 men | ice age 3 mammoth
training for 12 years | 12 years ago | 1980s | 50mm f/1.4 | 5 years
a red apple | sushi, neon | size 12
old school muscle car | baby blue dress | a baby elephant | a baby grand piano | a goat kid on a rock
under 18 inches | a kind old man | a high school teacher | a pin-up girl | a woman of 25 years of age
3 day old stubble | a 9 year old dog | our 7 year old cat sleeping | un hombre de 40 años
25岁 | 二十五岁的女人 | 十九岁
17세기 지도 | 3세대 | カロリー | age of empires 2
an aged cheddar | turned 45 degrees | 30th birthday | page 12
second grade steel | a barn in a field | ein 40-jähriger Mann
grade 5 titanium | a 200 year old oak tree
a 3 year old laptop | the 4th of july | two hundred year old church | Nina Simone on stage | more ado
"""


def sentences(block: str) -> list[str]:
    return [part.strip() for line in block.strip().splitlines() for part in line.split(" | ")]


def score(text: str) -> float:
    """The highest score over the views that the judge makes of a text."""
    return max((s.score for view in views(text) for s in CUES.classify([view.text])[0]), default=0.0)


@pytest.mark.parametrize("text", sentences(SPEAKS_OF_A_MINOR))
def test_a_minor_is_noticed(text: str) -> None:
    """Ages below 18, words for children and school terms, disguised or in other languages, reach the lock."""
    assert score(text) >= LOCK_EDGES[0]


@pytest.mark.parametrize("text", sentences(SPEAKS_OF_NONE))
def test_an_adult_and_a_thing_are_not_taken_for_a_minor(text: str) -> None:
    """Ages from 18 on, ages of things, spans of time and look-alike words say nothing."""
    assert score(text) < LOCK_EDGES[0]


@pytest.mark.parametrize("text", ["a girl on a bike", "two boys rowing", "ein Mädchen liest"])
def test_a_word_that_may_mean_an_adult_stays_below_the_lock(text: str) -> None:
    """It is measured, so that a policy can rule on it, and binds no one by itself."""
    assert 0 < score(text) < LOCK_EDGES[0]


def test_spans_name_the_cue_in_the_text_as_written() -> None:
    """Each cue has its place, after letters that folding drops or doubles too."""
    text = "Ein  grünes Café: a child, aged  nine"
    ((signal,),) = CUES.classify([text])
    assert signal.category == CATEGORY
    assert [text[span.start : span.end] for span in signal.spans] == ["child", "aged  nine"]


def test_an_operator_adds_words_and_takes_none_away() -> None:
    """`extra` is a cue like the shipped ones; there is no option that silences any."""
    own = MinorCuesClassifier.from_options("cues", {"extra": ["northfield academy"]})
    assert own.classify(["the Northfield-Academy choir"])[0][0].score >= LOCK_EDGES[0]
    assert own.card.revision != CUES.card.revision
    with pytest.raises(ClassifierConfigError, match="allow"):
        MinorCuesClassifier.from_options("cues", {"allow": ["child"]})
