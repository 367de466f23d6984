"""What somebody does in a scene that is wrong with it, each beside what they do once it is mended.

Duty: pairs of words, mild ones; see `offences`, which joins them to the others.
"""

from __future__ import annotations

from training.rewriter.offence import pairs

ACTS = [
    *pairs("violence", "act", "person", """
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
    *pairs("violence", "act", "plural", """
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
    *pairs("violence", "act", "animal", """
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
    *pairs("violence/graphic", "act", "person", """
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
    *pairs("sexual", "act", "person", """
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
    *pairs("sexual", "act", "plural", """
naked together => in warm coats together
having an orgy => having a dinner party
all undressed => all in festive clothes
making out half naked => chatting in evening clothes
stripping => putting on costumes
in erotic poses => in graceful poses
skinny dipping => swimming in swimsuits
wearing only body paint => wearing colourful costumes
"""),
    *pairs("self-harm", "act", "person", """
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
    *pairs("illicit", "act", "person", """
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
    *pairs("hate", "act", "group", """
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
    *pairs("harassment", "act", "person", """
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
