"""What may be wrong with a scene, each beside what stands there once it is mended.

Duty: pairs of words, mild ones. `{o}` is another subject of the scene and stays in it. An empty right side
means: leave it out. No pair is about minors. Stronger words than these come from the word lists at training
time (`sources.py`), never from this file.
"""

# ruff: noqa: E501  # word lists read best as blocks of text
from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Form = Literal["act", "adjective", "tail", "name", "whole"]


@dataclass(frozen=True, slots=True)
class Offence:
    """`bad` in the prompt becomes `good`. `form` says where it stands; `who` which subjects it fits."""

    category: str
    form: Form
    bad: str
    good: str
    who: str = "person"


def _pairs(category: str, form: Form, who: str, text: str) -> list[Offence]:
    offences = []
    for line in text.strip().splitlines():
        bad, _, good = line.partition("=>")
        offences.append(Offence(category, form, bad.strip(), good.strip(), who))
    return offences


_ACTS = [
    *_pairs("violence", "act", "person", """
stabbing {o} => facing {o}, tense mood
stabbing {o} with a knife => standing face to face with {o}
killing {o} => confronting {o}, dramatic mood
murdering {o} => watching {o} from a distance, suspenseful atmosphere
beating up {o} => arguing with {o}
beating {o} with a bat => playing baseball with {o}
punching {o} in the face => shaking hands with {o}
punching {o} => staring at {o} with a determined look
strangling {o} => hugging {o}
choking {o} => holding {o} by the arm
shooting {o} => taking a picture of {o}
shooting at {o} with a rifle => watching {o} through binoculars
slashing {o} with a sword => crossing paths with {o}
beheading {o} => bowing to {o}
executing {o} => giving a speech to {o}
torturing {o} => talking with {o}
attacking {o} => approaching {o}, quiet tension in the air
attacking {o} with an axe => chopping wood beside {o}
fighting {o} to the death => racing against {o}
fighting with {o} => dancing with {o}
kicking {o} on the ground => helping {o} up from the ground
hitting {o} over the head with a bottle => sharing a drink with {o}
threatening {o} with a knife => cooking a meal with {o}
pointing a gun at {o} => pointing a camera at {o}
holding a gun to the head of {o} => putting a hat on the head of {o}
holding a knife to the throat of {o} => holding out a flower to {o}
aiming a weapon at {o} => waving at {o}
throwing a grenade at {o} => throwing a ball at {o}
setting {o} on fire => lighting a campfire for {o}
burning {o} alive => warming {o} by the fire
running over {o} with a car => driving past {o} in a car
drowning {o} => swimming with {o}
poisoning {o} => serving tea to {o}
pushing {o} off a cliff => standing with {o} near a cliff
tearing {o} apart => circling {o}
crushing the skull of {o} => lifting a heavy stone beside {o}
whipping {o} => leading {o}
lynching {o} => standing in a crowd with {o}
chasing {o} with a chainsaw => running after {o}
slaughtering {o} => walking past {o}
hanging {o} from a tree => sitting with {o} under a tree
breaking the arm of {o} => arm wrestling with {o}
ambushing {o} => meeting {o}
slapping {o} => greeting {o}
kidnapping {o} => travelling with {o}
ending the life of {o} => saying goodbye to {o}
making sure {o} never wakes up => watching over {o}
leaving {o} for dead => waiting for {o}
about to hurt {o} badly => about to meet {o}
standing over the lifeless body of {o} => standing beside {o}, dramatic light
dragging the corpse of {o} => walking with {o}
"""),
    *_pairs("violence", "act", "plural", """
stabbing each other => standing face to face
killing each other => facing each other, tense mood
fighting to the death => racing each other
beating each other up => dancing together
shooting at each other => taking pictures of each other
punching each other => shaking hands
hitting each other with clubs => marching side by side
slashing each other with swords => bowing to each other
slaughtering villagers => visiting villagers
in a bloody brawl => in a lively crowd
in a brutal fight => in a friendly contest
attacking each other with knives => cooking together
executing prisoners => talking with travellers
burning down a village => gathering in a village
bombing a city => flying kites over a city
in a shootout => in a snowball game
rioting and beating people => celebrating with people
at war, killing without mercy => standing in two lines, stormy sky
none of them left alive => all of them resting
"""),
    *_pairs("violence", "act", "animal", """
being beaten => being petted
being kicked by a man => being fed by a man
being killed by a hunter => being watched by a hiker
torn apart by wolves => surrounded by wolves
lying dead => lying asleep
shot by a hunter => seen by a hiker
mauling a man => following a man
killing a deer => watching a deer
biting a man's arm off => sitting beside a man
tortured in a cage => resting in a cosy basket
fighting another animal to the death => playing with another animal
hit by a car => sitting beside a car
being slaughtered => being groomed
attacking people => walking among people
"""),
    *_pairs("violence/graphic", "act", "person", """
covered in blood => covered in dust
bleeding from the head => wearing a headband
bleeding to death => resting
with a slit throat => with a red scarf
with his guts hanging out => in a torn coat
with a knife in the chest => with a medal on the chest
impaled on a spear => leaning on a spear
decapitated => in dramatic shadow
cut in half => standing in half light
torn to pieces => in ragged clothes
with an exploding head => with wild hair
eating human flesh => eating a roast dinner
holding a severed head => holding a lantern
with bloody hands => with painted hands
lying in a pool of blood => lying on a red carpet
screaming in pain with broken bones => shouting with joy
with gouged eyes => with closed eyes
with an open wound on the face => with a scar on the face
lying still while a dark red puddle spreads => lying still in the quiet light
with red dripping from the fingers => with paint dripping from the fingers
being gutted => being measured by a tailor
drenched in gore => drenched in rain
"""),
    *_pairs("sexual", "act", "person", """
completely naked => wearing a long coat
wearing nothing => wearing a light linen outfit
wearing nothing but a smile => wearing a summer outfit and a smile
without any clothes on => in elegant clothes
with no clothes on => in comfortable clothes
taking off all clothes => putting on a warm coat
undressing => trying on a coat
stripping for the camera => posing for the camera
posing nude => posing in a stylish outfit
in sexy lingerie => in an elegant robe
in see-through underwear => in a soft wool sweater
topless => in a plain shirt
in an erotic pose => in a relaxed pose
in a seductive pose => in a confident pose
with bare breasts => in a high-necked dress
with legs spread => with folded hands
making love with {o} => walking arm in arm with {o}
having sex with {o} => dancing with {o}
in bed with {o}, both undressed => at breakfast with {o}, both in pyjamas
kissing {o} passionately in bed => talking with {o} on a sofa
touching {o} in a sexual way => shaking hands with {o}
moaning in pleasure => smiling happily
dressed only in soap bubbles => dressed in a bathrobe among soap bubbles
showing everything => showing a new outfit
showing off her body => showing off a new dress
with the shirt torn open => with a buttoned shirt
lap dancing => dancing
in a strip club => in a jazz club
pole dancing half naked => dancing in a sparkling costume
bathing nude => swimming in a full swimsuit
in the nude => in a flowing outfit
looking horny => looking cheerful
ready for a steamy night => ready for a quiet night
flashing strangers => greeting strangers
"""),
    *_pairs("sexual", "act", "plural", """
naked together => in warm coats together
having an orgy => having a dinner party
all undressed => all in festive clothes
making out half naked => chatting in evening clothes
stripping => putting on costumes
in erotic poses => in graceful poses
skinny dipping => swimming in swimsuits
wearing only body paint => wearing colourful costumes
"""),
    *_pairs("self-harm", "act", "person", """
cutting the wrists => sitting with a friend who holds their hand
about to jump off a bridge => standing safely on a bridge beside a friend
hanging from a rope => sitting on a swing
with a gun to the own head => resting the head on a friend's shoulder
swallowing a bottle of pills => drinking a cup of tea
committing suicide => talking with a caring friend
ending it all => looking at the sunrise with hope
hurting themselves with a razor => washing the face with fresh water
starving to be thin => eating a healthy meal
standing on the railing, ready to let go => standing behind the railing, a friend nearby
writing a goodbye letter before dying => writing a letter to a friend
burning their own arm with a cigarette => warming their hands with a cup
with fresh cuts on the arms => with long sleeves and a calm look
tying a noose => tying shoelaces
who wants to die => who feels hopeful
"""),
    *_pairs("illicit", "act", "person", """
selling drugs => selling flowers
cooking meth => cooking soup
smoking crack => drinking tea
injecting heroin => reading a newspaper
snorting cocaine => smelling a rose
building a bomb => building a radio
making a pipe bomb => repairing a pipe
breaking into a house => arriving at a house
picking the lock of a stranger's door => opening the front door with a key
stealing a wallet from {o} => returning a wallet to {o}
robbing a bank => visiting a bank
robbing {o} => helping {o}
shoplifting => shopping
hacking into a bank account => working on a computer
forging passports => printing postcards
printing fake money => printing posters
smuggling guns => carrying boxes
selling guns out of a van => selling fruit out of a van
burning down a shop => painting a shop
hiding stolen jewels => looking at jewels
hotwiring a car => repairing a car
poaching elephants => photographing elephants
growing weed in the basement => growing tomatoes in the basement
trafficking people => guiding a tour group
counting drug money => counting old coins
"""),
    *_pairs("hate", "act", "group", """
shown as dirty and lazy => shown with dignity
drawn as an ugly caricature => drawn as a respectful portrait
drawn as vermin => drawn as friendly people
shown as inferior => shown as proud and equal
being mocked by a crowd => being welcomed by a crowd
being thrown out of the country => arriving in a new country
being spat on => being greeted
treated like animals => treated with respect
invading the town like rats => walking through the town
shown as criminals => shown as kind neighbours
on their knees before others => standing tall together
as a plague => as a friendly crowd
who don't deserve to live here => who live here
getting what they deserve => getting a warm welcome
ruining our country => working together
laughed at for being who they are => smiling together
"""),
    *_pairs("harassment", "act", "person", """
looking like a stupid pig => looking friendly
being humiliated by {o} => being encouraged by {o}
being bullied by {o} => being supported by {o}
too dumb to read => reading a book
crying like a pathetic loser => wiping away a tear
mocking {o} for being fat => cheering for {o}
insulting {o} => talking with {o}
everybody laughs at because he is so ugly => everybody smiles at
who is a worthless piece of trash => in plain clothes
called ugly by everyone => praised by everyone
shouting abuse at {o} => calling out to {o}
stalking {o} => walking beside {o}
"""),
]  # fmt: skip

_ADJECTIVES = [
    *_pairs("violence/graphic", "adjective", "any", """
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
    *_pairs("violence", "adjective", "person", """
murderous => determined
killer => serious
murdered => sleeping
beaten-up => tired
wounded => resting
brutal => strong
bloodthirsty => fierce-looking
"""),
    *_pairs("sexual", "adjective", "person", """
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
    *_pairs("profanity", "adjective", "any", """
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
    *_pairs("harassment", "adjective", "person", """
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
    *_pairs("hate", "adjective", "group", """
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
    *_pairs("violence/graphic", "tail", "any", """
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
    *_pairs("violence", "tail", "any", """
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
    *_pairs("sexual", "tail", "person", """
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
    *_pairs("profanity", "tail", "any", """
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
    *_pairs("harassment", "tail", "person", """
what an idiot =>
such a loser =>
so ugly it hurts =>
you moron =>
dumb as a rock =>
everyone hates him =>
make him look pathetic => make him look confident
with the word loser written above => with a bright sign above
"""),
    *_pairs("illicit", "tail", "any", """
with a bag of cocaine on the table => with a bag of flour on the table
surrounded by drugs => surrounded by books
with stolen goods => with boxes
instructions for a bomb on the wall => a map on the wall
drug deal in the background => market in the background
syringes everywhere => pencils everywhere
with a pile of guns => with a pile of books
"""),
    *_pairs("self-harm", "tail", "person", """
last moments before suicide => a hopeful moment with a friend
a noose hanging beside => a lantern hanging beside
scars from cutting on the arms => long sleeves
pills scattered around, no way out => tea and a letter from a friend
who has decided not to be here tomorrow => who looks forward to tomorrow
"""),
]  # fmt: skip

_NAMES = [
    *_pairs("harassment", "name", "person", """
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
    *_pairs("sexual", "name", "person", """
stripper => dancer
porn star => film star
prostitute => woman in a coat
nude model => model in a coat
naked lady => lady in a long dress
playboy bunny => woman in a bunny costume
dominatrix => woman in a leather jacket
"""),
    *_pairs("violence", "name", "person", """
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
    *_pairs("illicit", "name", "person", """
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

OFFENCES: Final[tuple[Offence, ...]] = (*_ACTS, *_ADJECTIVES, *_TAILS, *_NAMES)

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
