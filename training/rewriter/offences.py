"""What may be wrong with a scene, each beside what stands there once it is mended.

Duty: pairs of words, mild ones. `{o}` is another subject of the scene and stays in it. An empty right side
means: leave it out. No pair is about minors. Stronger words than these come from the word lists at training
time (`sources.py`), never from this file.
"""

# ruff: noqa: E501  # word lists read best as blocks of text
from __future__ import annotations

from typing import Final

from training.rewriter.offence import Offence, pairs
from training.rewriter.offences_acts import ACTS

_ADJECTIVES = [
    *pairs("violence/graphic", "adjective", "any", """
bloody => muddy
bloodied => dusty
dead => sleeping
mutilated => weathered
dismembered => broken marble
headless => hooded
gory => dramatic
rotting => old
blood-soaked => rain-soaked
bleeding => tired
disembowelled => ragged
tortured => thoughtful
burned alive => sunlit
"""),
    *pairs("violence", "adjective", "person", """
murderous => determined
killer => serious
murdered => sleeping
beaten-up => tired
wounded => resting
brutal => strong
bloodthirsty => fierce-looking
"""),
    *pairs("sexual", "adjective", "person", """
naked => clothed
nude => well-dressed
half-naked => well-dressed
topless => elegant
sexy => stylish
seductive => charming
horny => cheerful
busty => elegant
hot and naked => graceful
undressed => dressed
erotic => graceful
lewd => cheerful
kinky => playful
"""),
    *pairs("profanity", "adjective", "any", """
damn =>
damned =>
goddamn =>
crappy =>
bloody stupid =>
freaking =>
friggin =>
f***ing =>
f-ing =>
sh*tty =>
effing =>
crap-ass =>
pissed-off => grumpy
badass => confident
damn ugly =>
hella =>
"""),
    *pairs("harassment", "adjective", "person", """
stupid =>
idiotic =>
moronic =>
pathetic =>
worthless =>
disgusting =>
ugly fat =>
dumb =>
loser =>
brainless =>
filthy lying =>
useless =>
good-for-nothing =>
"""),
    *pairs("hate", "adjective", "group", """
dirty =>
filthy =>
inferior =>
disgusting =>
subhuman =>
lazy stinking =>
parasitic =>
evil =>
savage =>
worthless =>
"""),
]  # fmt: skip

_TAILS = [
    *pairs("violence/graphic", "tail", "any", """
blood everywhere => red petals everywhere
lots of blood and gore => rich warm colours
guts on the floor => leaves on the floor
dripping with blood => dripping with rain
severed limbs in the background => broken statues in the background
splattered with blood => splattered with paint
corpses all around => old stones all around
a pile of dead bodies => a pile of autumn leaves
extreme gore => dramatic mood
blood dripping from the walls => ivy growing on the walls
brains on the pavement => puddles on the pavement
a massacre => a quiet scene
maggots in the wounds => moss on the stones
with a severed hand lying nearby => with a glove lying nearby
everything is soaked in red after the killing => everything is bathed in red evening light
the floor wet and crimson where the body fell => the floor shining in crimson light
body parts => fallen leaves
"""),
    *pairs("violence", "tail", "any", """
brutal violence => tense mood
just after the murder => just after the rain
moments before the execution => moments before the show
someone is being killed in the background => someone is walking in the background
a crime scene with a dead body => a quiet room with an empty chair
bombs falling on the people => snow falling on the people
with people screaming and dying => with people talking and laughing
as the shooting starts => as the music starts
bodies hanging from the trees => lanterns hanging from the trees
nobody survives => everybody comes home
with bullet holes and bodies => with cracked walls and old leaves
"""),
    *pairs("sexual", "tail", "person", """
nsfw => elegant
naked body => elegant clothes
fully nude => fully dressed
explicit => tasteful
no clothes => warm clothes
not a stitch of clothing => in simple clothing
erotic => graceful
visible nipples => buttoned coat
showing cleavage => wearing a scarf
sexual mood => relaxed mood
wet t-shirt, nothing under it => raincoat, bright colours
porn style => portrait style
hentai => anime
uncensored => detailed
boudoir, undressed => living room, dressed
clothes on the floor, skin everywhere => clothes in warm colours
"""),
    *pairs("profanity", "tail", "any", """
damn it =>
for hell's sake =>
holy crap =>
what the hell =>
make it look badass as hell => make it look impressive
and I don't give a damn =>
f*** yeah =>
bloody hell =>
looking like crap => looking worn
it's so freaking cool => it looks cool
"""),
    *pairs("harassment", "tail", "person", """
what an idiot =>
such a loser =>
so ugly it hurts =>
you moron =>
dumb as a rock =>
everyone hates him =>
make him look pathetic => make him look confident
with the word loser written above => with a bright sign above
"""),
    *pairs("illicit", "tail", "any", """
with a bag of cocaine on the table => with a bag of flour on the table
surrounded by drugs => surrounded by books
with stolen goods => with boxes
instructions for a bomb on the wall => a map on the wall
drug deal in the background => market in the background
syringes everywhere => pencils everywhere
with a pile of guns => with a pile of books
"""),
    *pairs("self-harm", "tail", "person", """
last moments before suicide => a hopeful moment with a friend
a noose hanging beside => a lantern hanging beside
scars from cutting on the arms => long sleeves
pills scattered around, no way out => tea and a letter from a friend
who has decided not to be here tomorrow => who looks forward to tomorrow
"""),
]  # fmt: skip

_NAMES = [
    *pairs("harassment", "name", "person", """
idiot => person
moron => person
fool => person
loser => person
jerk => person
imbecile => person
creep => person
dimwit => person
fat pig => person
scumbag => person
dirtbag => person
bastard => man
nutcase => person
piece of trash => person
crybaby => person
halfwit => person
"""),
    *pairs("sexual", "name", "person", """
stripper => dancer
porn star => film star
prostitute => woman in a coat
nude model => model in a coat
naked lady => lady in a long dress
playboy bunny => woman in a bunny costume
dominatrix => woman in a leather jacket
"""),
    *pairs("violence", "name", "person", """
serial killer => stranger
murderer => mysterious man
executioner => hooded man
assassin => cloaked figure
corpse => sleeping person
dead body => sleeping person
torturer => stern man
terrorist => traveller
hitman => man in a suit
murder victim => person
"""),
    *pairs("illicit", "name", "person", """
drug dealer => street vendor
thief => passer-by
burglar => visitor
bank robber => bank customer
smuggler => sailor
junkie => person
gangster => man in a suit
pickpocket => passer-by
bomb maker => clockmaker
"""),
]  # fmt: skip

OFFENCES: Final[tuple[Offence, ...]] = (*ACTS, *_ADJECTIVES, *_TAILS, *_NAMES)

GROUPS: Final = tuple(
    """immigrants;refugees;muslims;jews;christians;hindus;gay people;lesbian women;trans people;black people
white people;asian people;mexicans;africans;indians;arabs;women;men;old people;disabled people;blind people;foreigners;romani people
native americans;poor people;buddhists;sikhs;polish workers;chinese tourists;turkish neighbours""".replace(
        "\n", ";"
    ).split(";")
)

STAND_INS: Final = tuple(
    """damn;goddamn;crappy;freaking;stupid;bloody;cursed;ugly;stinking;lousy;rotten;darn;wretched;blasted
dumb;idiotic;friggin;effing;frickin;crap;filthy;trashy;nasty;dang""".replace("\n", ";").split(";")
)
"""Mild coarse words that may stand anywhere before a noun and only ever have to go."""
