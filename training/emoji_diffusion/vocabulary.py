"""Which emoji the generator learns, how often, and under which plain names.

Holds only word lists. It must not know pictures, files or tensors.
Weights: common things are seen several times as often as rare ones.
"""

from __future__ import annotations

CORE = frozenset(
    """
dog face|dog|cat face|cat|black cat|lion|tiger face|tiger|horse face|horse|unicorn|zebra|deer|cow face|
cow|pig face|pig|goat|camel|giraffe|elephant|mouse face|mouse|rabbit face|rabbit|hedgehog|bat|bear|
polar bear|koala|panda|sloth|kangaroo|chicken|rooster|baby chick|bird|penguin|eagle|duck|owl|flamingo|
parrot|frog|crocodile|turtle|snake|dragon face|dragon|T-Rex|sauropod|whale|spouting whale|dolphin|fish|
tropical fish|shark|octopus|crab|snail|butterfly|ant|honeybee|lady beetle|spider|rose|sunflower|tulip|
blossom|cherry blossom|potted plant|evergreen tree|deciduous tree|palm tree|cactus|four leaf clover|
maple leaf|mushroom|fox|wolf|monkey|monkey face|hamster|seedling|shrimp|lobster|jellyfish|squid|swan|
gorilla|raccoon|sheaf of rice|hibiscus|bouquet|grapes|watermelon|tangerine|lemon|banana|pineapple|
red apple|green apple|pear|peach|cherries|strawberry|blueberries|kiwi fruit|tomato|coconut|avocado|
eggplant|potato|carrot|ear of corn|hot pepper|broccoli|bread|croissant|pretzel|pancakes|cheese wedge|
hamburger|french fries|pizza|hot dog|sandwich|taco|burrito|egg|cooking|green salad|popcorn|sushi|
rice ball|soft ice cream|ice cream|doughnut|cookie|birthday cake|shortcake|cupcake|pie|chocolate bar|
candy|lollipop|honey pot|glass of milk|hot beverage|teapot|wine glass|cocktail glass|beer mug|
cup with straw|fork and knife|spoon|kitchen knife|spaghetti|onion|garlic|bell pepper|cucumber|waffle|
bacon|meat on bone|poultry leg|steaming bowl|globe showing Americas|snow-capped mountain|mountain|
volcano|desert island|beach with umbrella|house|house with garden|castle|church|tent|school|hospital|
office building|ferris wheel|locomotive|bus|ambulance|fire engine|police car|taxi|automobile|
sport utility vehicle|pickup truck|delivery truck|tractor|racing car|motorcycle|motor scooter|bicycle|
skateboard|vertical traffic light|stop sign|anchor|sailboat|canoe|speedboat|ship|airplane|parachute|
helicopter|satellite|rocket|flying saucer|alarm clock|hourglass done|watch|full moon|crescent moon|sun|
sun with face|ringed planet|star|glowing star|shooting star|cloud|sun behind cloud|cloud with rain|
cloud with snow|cloud with lightning|tornado|rainbow|umbrella|high voltage|snowflake|snowman|
snowman without snow|fire|droplet|water wave|sunrise over mountains|sunset|cityscape|train|tram|hut|
fountain|desert|luggage|wheel|jack-o-lantern|Christmas tree|balloon|wrapped gift|trophy|soccer ball|
baseball|basketball|volleyball|american football|tennis|bowling|boxing glove|kite|pool 8 ball|
crystal ball|magic wand|video game|game die|puzzle piece|teddy bear|artist palette|fireworks|
party popper|sports medal|yarn|ribbon|ice skate|joystick|bullseye|glasses|sunglasses|necktie|t-shirt|
jeans|scarf|gloves|coat|socks|dress|handbag|backpack|running shoe|high-heeled shoe|hiking boot|crown|
top hat|graduation cap|billed cap|ring|gem stone|bell|musical note|studio microphone|microphone|
headphone|saxophone|trumpet|guitar|violin|drum|mobile phone|telephone|battery|laptop|desktop computer|
printer|keyboard|computer mouse|television|camera|movie camera|magnifying glass tilted left|candle|
light bulb|flashlight|closed book|open book|books|notebook|newspaper|coin|money bag|envelope|package|
pencil|pen|paintbrush|crayon|briefcase|calendar|bar chart|pushpin|paperclip|scissors|wastebasket|locked|
key|hammer|axe|dagger|crossed swords|bomb|bow and arrow|shield|wrench|screwdriver|gear|magnet|ladder|
telescope|microscope|syringe|pill|door|window|bed|chair|toilet|bathtub|broom|bucket|toothbrush|
shopping cart|basket|couch and lamp|radio|carpentry saw|soap|mirror|grinning face|slightly smiling face|
smiling face with sunglasses|smiling face with heart-eyes|winking face|crying face|loudly crying face|
angry face|sleeping face|thinking face|face with tears of joy|face with open mouth|face with tongue|
neutral face|slightly frowning face|star-struck|nerd face|cowboy hat face|partying face|clown face|
ghost|alien|robot|skull|grinning cat|smiling cat with heart-eyes|crying cat|red heart|blue heart|
green heart|yellow heart|purple heart|broken heart|alien monster|pile of poo|enraged face|cold face|
hot face|smiling face with horns|Santa Claus|baby|boy|girl|man|woman|astronaut|police officer|princess|
fairy|mermaid|superhero|mage|vampire|zombie|eye|ear|nose|brain|tooth|bone|thumbs up|waving hand|old man|
old woman|ninja|firefighter|cook|farmer
""".replace("\n", "").split("|")
)
"""Labels seen at full weight: things a person would ask a picture generator for."""

PEOPLE = frozenset(
    """
waving hand|raised hand|OK hand|victory hand|thumbs up|thumbs down|raised fist|clapping hands|handshake|
flexed biceps|foot|ear|nose|brain|lungs|tooth|bone|eyes|eye|mouth|footprints|baby|child|boy|girl|person|
man|woman|old man|old woman|health worker|student|teacher|judge|farmer|cook|mechanic|scientist|singer|
artist|pilot|astronaut|firefighter|police officer|detective|guard|ninja|construction worker|prince|
princess|Santa Claus|superhero|supervillain|mage|fairy|vampire|mermaid|elf|genie|zombie|troll|
person running|person surfing|person swimming|person biking|woman dancing|skier|snowboarder
""".replace("\n", "").split("|")
)
"""People and body labels kept; the rest of that group is left out."""

SYMBOLS = frozenset(
    """
warning|no entry|check mark button|cross mark|plus|red question mark|red exclamation mark|peace symbol|
yin yang|recycling symbol|right arrow|left arrow|up arrow|down arrow|sparkle|red circle|orange circle|
yellow circle|green circle|blue circle|purple circle|brown circle|black circle|red square|orange square|
yellow square|green square|blue square|purple square|brown square
""".replace("\n", "").split("|")
)
"""Symbols kept; most of that group are signs with letters."""

LEFT_OUT = frozenset(
    """
love hotel|bikini|briefs|one-piece swimsuit|thong sandal|woman’s clothes|map of Japan|
Japanese post office|Tokyo tower|kaaba|Japanese dolls|pine decoration|tanabata tree|
moon viewing ceremony|red envelope|cigarette|coffin|funeral urn|headstone|multiply|ZZZ|kiss mark|
anger symbol|hundred points|heart exclamation|eye in speech bubble|left speech bubble|
right anger bubble|hole|identification card|placard|yen banknote|euro banknote|pound banknote|
chart increasing with yen|mahjong red dragon|flower playing cards|razor|mate|oden|tamale|petri dish|
face vomiting|face with symbols on mouth|face with open eyes and hand over mouth
""".replace("\n", "").split("|")
)
"""Left out: slang, sexual or culture-bound meanings, letters, or nothing to see at 64 pixels."""

ALIASES = {
    "automobile": ("car",),
    "sport utility vehicle": ("suv", "jeep"),
    "sailboat": ("sailing boat", "sailboat"),
    "airplane": ("airplane", "plane"),
    "motorcycle": ("motorcycle", "motorbike"),
    "bicycle": ("bicycle", "bike"),
    "locomotive": ("steam train", "locomotive"),
    "train": ("train",),
    "delivery truck": ("truck", "delivery truck"),
    "fire engine": ("fire truck", "fire engine"),
    "flying saucer": ("ufo", "flying saucer"),
    "speedboat": ("speedboat", "motor boat"),
    "hot beverage": ("cup of coffee", "hot coffee"),
    "soft ice cream": ("ice cream cone", "soft ice cream"),
    "ice cream": ("bowl of ice cream", "ice cream"),
    "hamburger": ("burger", "hamburger"),
    "french fries": ("french fries", "fries"),
    "pizza": ("slice of pizza", "pizza"),
    "cooking": ("fried egg in a pan", "fried egg"),
    "green salad": ("salad", "bowl of salad"),
    "ear of corn": ("corn", "ear of corn"),
    "tangerine": ("orange fruit", "tangerine"),
    "hot pepper": ("chili pepper", "hot pepper"),
    "cheese wedge": ("cheese", "piece of cheese"),
    "shortcake": ("slice of cake", "strawberry cake"),
    "birthday cake": ("birthday cake", "cake"),
    "doughnut": ("donut", "doughnut"),
    "kitchen knife": ("knife", "kitchen knife"),
    "glass of milk": ("glass of milk", "milk"),
    "wine glass": ("glass of wine", "wine glass"),
    "cocktail glass": ("cocktail", "martini"),
    "beer mug": ("mug of beer", "beer"),
    "cup with straw": ("soda cup", "cup with straw"),
    "steaming bowl": ("bowl of noodles", "noodle soup"),
    "poultry leg": ("chicken leg", "drumstick"),
    "meat on bone": ("meat", "meat on a bone"),
    "honey pot": ("honey pot", "jar of honey"),
    "chocolate bar": ("chocolate bar", "chocolate"),
    "honeybee": ("bee", "honeybee"),
    "lady beetle": ("ladybug", "lady beetle"),
    "T-Rex": ("t-rex", "tyrannosaurus dinosaur"),
    "sauropod": ("dinosaur", "long-necked dinosaur"),
    "blossom": ("flower", "blossom"),
    "evergreen tree": ("pine tree", "fir tree"),
    "deciduous tree": ("tree", "leafy tree"),
    "baby chick": ("chick", "baby chick"),
    "spouting whale": ("whale spouting water",),
    "cherry blossom": ("cherry blossom", "pink flower"),
    "hibiscus": ("hibiscus flower", "red flower"),
    "bouquet": ("bouquet of flowers",),
    "dog face": ("dog face", "puppy"),
    "cat face": ("cat face", "kitten"),
    "tiger face": ("tiger face",),
    "horse face": ("horse head",),
    "cow face": ("cow face",),
    "pig face": ("pig face",),
    "rabbit face": ("bunny", "rabbit face"),
    "mouse face": ("mouse face",),
    "dragon face": ("dragon head",),
    "four leaf clover": ("four leaf clover", "clover"),
    "sheaf of rice": ("wheat", "sheaf of rice"),
    "globe showing Americas": ("globe", "planet earth"),
    "ringed planet": ("saturn", "ringed planet"),
    "full moon": ("full moon", "moon"),
    "glowing star": ("glowing star",),
    "high voltage": ("lightning bolt", "lightning"),
    "snow-capped mountain": ("snowy mountain",),
    "water wave": ("ocean wave", "wave"),
    "droplet": ("water drop", "drop of water"),
    "fire": ("fire", "flame"),
    "cloud with rain": ("rain cloud", "rain"),
    "cloud with snow": ("snow cloud",),
    "cloud with lightning": ("thunderstorm cloud",),
    "sun behind cloud": ("sun behind a cloud",),
    "desert island": ("tropical island", "desert island"),
    "beach with umbrella": ("beach with an umbrella", "beach"),
    "house": ("house", "home"),
    "house with garden": ("house with a tree",),
    "office building": ("office building", "building"),
    "cityscape": ("city", "skyline"),
    "sunrise over mountains": ("sunrise over mountains",),
    "vertical traffic light": ("traffic light",),
    "hourglass done": ("hourglass",),
    "jack-o-lantern": ("jack-o-lantern", "carved pumpkin", "pumpkin"),
    "wrapped gift": ("gift box", "present"),
    "soccer ball": ("soccer ball", "football"),
    "tennis": ("tennis ball",),
    "bowling": ("bowling ball and pins", "bowling"),
    "pool 8 ball": ("eight ball", "billiard ball"),
    "game die": ("dice", "die"),
    "video game": ("game controller", "gamepad"),
    "sports medal": ("gold medal", "medal"),
    "ribbon": ("bow ribbon",),
    "yarn": ("ball of yarn",),
    "bullseye": ("dart board", "target"),
    "crystal ball": ("crystal ball",),
    "artist palette": ("paint palette",),
    "t-shirt": ("t-shirt", "shirt"),
    "jeans": ("jeans", "pants"),
    "running shoe": ("sneaker", "running shoe"),
    "high-heeled shoe": ("high heel", "high-heeled shoe"),
    "hiking boot": ("boot", "hiking boot"),
    "billed cap": ("baseball cap", "cap"),
    "graduation cap": ("graduation cap",),
    "gem stone": ("diamond", "gem"),
    "studio microphone": ("studio microphone",),
    "headphone": ("headphones",),
    "mobile phone": ("smartphone", "phone"),
    "desktop computer": ("computer", "desktop computer"),
    "laptop": ("laptop",),
    "computer mouse": ("computer mouse",),
    "television": ("tv", "television"),
    "magnifying glass tilted left": ("magnifying glass",),
    "closed book": ("book", "closed book"),
    "money bag": ("bag of money", "money bag"),
    "package": ("cardboard box", "package"),
    "envelope": ("letter", "envelope"),
    "locked": ("padlock", "lock"),
    "crossed swords": ("crossed swords", "swords"),
    "wastebasket": ("trash can",),
    "carpentry saw": ("saw",),
    "couch and lamp": ("sofa and a lamp", "couch"),
    "syringe": ("syringe",),
    "gear": ("gear", "cog wheel"),
    "necktie": ("tie", "necktie"),
    "grinning face": ("happy face", "grinning face"),
    "slightly smiling face": ("smiling face", "smiley"),
    "smiling face with sunglasses": ("smiling face with sunglasses", "cool face"),
    "loudly crying face": ("loudly crying face", "sobbing face"),
    "crying face": ("crying face", "sad face with a tear"),
    "angry face": ("angry face",),
    "enraged face": ("red angry face",),
    "face with tears of joy": ("laughing face", "face with tears of joy"),
    "face with open mouth": ("surprised face",),
    "slightly frowning face": ("sad face", "frowning face"),
    "pile of poo": ("poop", "pile of poo"),
    "grinning cat": ("smiling cat", "happy cat"),
    "red heart": ("red heart", "heart"),
    "mage": ("wizard", "mage"),
    "smiling face with horns": ("devil face", "purple devil"),
    "cook": ("chef", "cook"),
    "Santa Claus": ("santa claus",),
    "person biking": ("person riding a bike",),
    "snowman without snow": ("snowman",),
    "snowman": ("snowman in the snow",),
    "alien monster": ("space invader", "alien monster"),
    "old man": ("old man", "grandfather"),
    "old woman": ("old woman", "grandmother"),
    "water pistol": ("water gun",),
    "open book": ("open book",),
    "movie camera": ("movie camera",),
    "rice ball": ("rice ball", "onigiri"),
    "sun": ("sun",),
    "sun with face": ("sun with a face",),
    "hut": ("hut",),
}
"""Names used in captions instead of the CLDR label."""

UNCOUNTABLE = frozenset(
    """
bread|cheese|popcorn|bacon|corn|sushi|wheat|milk|beer|rain|fire|lightning|broccoli|garlic|jeans|pants|
glasses|sunglasses|gloves|socks|headphones|scissors|grapes|cherries|blueberries|french fries|fries|
pancakes|spaghetti|books|eyes|lungs|footprints|crossed swords|swords|fireworks|confetti|salad|meat|
chocolate|soap|money|fried egg in a pan|musical notes|dice|noodle soup|bowling|planet earth|saturn|
santa claus|clapping hands|wood|ice|salt|butter|peanuts|beans|cooked rice|curry rice|fog|chopsticks|
skis|shorts|goggles|ballet shoes|chains|bubbles|red hair|sparkles|maracas|control knobs|houses|
clinking beer mugs|clinking glasses|hot springs|performing arts|diving mask|badminton|lacrosse|
ice hockey|field hockey|ping pong|martial arts uniform
""".replace("\n", "").split("|")
)
"""Names without an article or a plural."""

TAG_BLOCK = frozenset(
    """
sexy|sex|butt|ass|booty|lust|love|hot|horny|kiss|xxx|drunk|weed|drug|drugs|damn|hell|dead|die|death|
kill|murder|nsfw|stoned|high|trippy|twerk|daddy|sugar|body|nude|naked|boob|breasts|penis|bitch|crap|
shit|fart|poop|fml|lol|omg|wtf|lmao|rofl|goat|greatest|simp|slay|sus|tea|vibe|vibes|cap|fake|snitch|
cheat|lit|fam|gg|yolo|af|bruh|bae|wild|playboy|prick|basic|shade|thirsty|whatever
""".replace("\n", "").split("|")
)
"""emojibase tags never used in captions: slang, sexual, drugs, or ambiguous."""


def label_weight(label: str, group: int) -> float:
    """How often one label is drawn relative to a core label, in [0, 1]; 0 leaves it out.

    `group` is emojibase's group number (0 faces, 1 people, 3 animals and nature, 4 food, 5 travel,
    6 activities, 7 objects, 8 symbols).
    """
    if label in LEFT_OUT or "o’clock" in label or "thirty" in label or "blood type" in label:
        return 0.0
    if label in CORE:
        return 1.0
    if group == 1:
        return 0.2 if label in PEOPLE else 0.0
    if group == 8:
        return 0.2 if label in SYMBOLS else 0.0
    return {0: 0.12, 3: 0.3, 4: 0.25, 5: 0.15, 6: 0.15, 7: 0.15}.get(group, 0.0)
