"""The small language that the example model speaks.

A document is a run of sentences.  A fact ties a key (a name and an item, which
is an adjective and an object) to a value by one of five relations:

    where  mira keeps the brass key [often] in the upper attic .
    who    mira sent the brass key [often] to doctor frost .
    code   mira locks the brass key [often] with code 47 12 90 .
    when   mira will trade the brass key [often] on friday dusk .
    list   mira fills the brass key [often] with salt , yarn , wax .

The key always comes before the value, so a causal model can bind the two as it
reads.  Everything is a list of words; joined by single spaces it is the text.
"""
import hashlib
from typing import NamedTuple

NAMES = """aldo bea cyrus della edwin faye gil hana igor june kai lotte milo nora owen
pia quinn rita sven tess ugo vina walt xena yara zeno abel bice cora dirk elke fritz
gwen hal iris jory kira lars moira ned ofelia piet rhea saul tova ulf vito wilma""".split()
ADJECTIVES = """amber brass bronze cedar chrome clay copper coral cork flint gilded glass
ivory jade leather maple marble oaken opal pewter silver steel velvet wicker""".split()
OBJECTS = """anchor barrel basin bell box bucket bugle cart case chalice chest clock crate
crown cup dish drum flask funnel globe harp helmet jar jug kettle lantern locker mirror
pail pot pouch purse sack shield sled tankard trunk tub urn vase""".split()
PLACE_ADJECTIVES = """back broad crooked damp dark deep empty far front grand hidden high
humble inner long lower main narrow new old outer quiet small upper""".split()
PLACES = """abbey alley arch attic bakery barn bridge cabin cave cellar chapel court crypt
dairy dock farm forge gate hall harbor inn kitchen loft mill pier quarry shed stable
temple tower vault yard""".split()
TITLES = "baron captain count doctor duke judge knight lady major mayor nurse squire".split()
SURNAMES = """ash birch blake boone cole drake finch frost gale grove heath holm knox lane
lowe marsh nash pike poole quill reed rhodes sharp snow stone swift thorn vale wade wells
wolf york""".split()
NUMBERS = [str(n) for n in range(10, 100)]
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
TIMES = "dawn dusk evening midday midnight morning night noon".split()
GOODS = """apples barley beans beets butter chalk cheese corn dates eggs figs flour garlic
ginger glue honey hops ink lemons lentils lime milk nails nuts oats oil onions peas pepper
plums raisins resin rice salt soap sugar tea twine wax yarn""".split()
ADVERBS = "always often quietly seldom still".split()

# Words of the sentences that carry no fact.
FILL_ADJECTIVES = """bitter bright calm cold faint fierce gentle golden gray heavy lazy mild
pale rough slow smooth soft steady warm wild""".split()
FILL_NOUNS = """bird breeze cloud crowd dog field fire fog forest goat hill horse lake leaf
moon owl path rain river road shadow ship shore song star storm stream tree wagon wind""".split()
FILL_VERBS = """danced drifted faded glowed hummed lingered moved passed paused rested
returned settled turned waited""".split()
FILL_ACTS = "dreamed laughed listened rode sang strolled talked whistled".split()
FILL_PREPOSITIONS = "above across along behind below beside beyond near past toward".split()

KINDS = ("where", "who", "code", "when", "list")
NOT_STATED = ("not", "stated")      # the answer to a question that no fact settles

# kind -> words between name and item, words between item (and adverb) and value
FACT = {
    "where": (["keeps", "the"], ["in", "the"]),
    "who":   (["sent", "the"], ["to"]),
    "code":  (["locks", "the"], ["with", "code"]),
    "when":  (["will", "trade", "the"], ["on"]),
    "list":  (["fills", "the"], ["with"]),
}
# kind -> words before the name, between name and item, after the item
QUESTION = {
    "where": (["where", "does"], ["keep", "the"], []),
    "who":   (["who", "did"], ["send", "the"], ["to"]),
    "code":  (["what", "code", "does"], ["use", "for", "the"], []),
    "when":  (["when", "will"], ["trade", "the"], []),
    "list":  (["what", "does"], ["fill", "the"], ["with"]),
}
CONTEXT, ASK, REPLY = ["context", ":"], ["question", ":"], ["answer", ":"]


class Cell(NamedTuple):
    """What a question asks about: one square of the names x items x kinds grid."""
    kind: str
    name: str
    adjective: str
    object: str


class Fact(NamedTuple):
    cell: Cell
    value: tuple        # the answer's words
    words: tuple        # the whole sentence
    key_end: int        # index of the object in words: the key is complete from here
    value_at: int       # index of the value's first word


def held_out(adjective, obj):
    """True for the tenth of all items that training never states nor asks."""
    return hashlib.sha256(f"{adjective} {obj}".encode()).digest()[0] % 10 == 0


def draw_value(rng, kind, items=(3, 15)):
    """A random value of this kind; a list has items[0]..items[1] goods and commas."""
    if kind == "where":
        return (rng.choice(PLACE_ADJECTIVES), rng.choice(PLACES))
    if kind == "who":
        return (rng.choice(TITLES), rng.choice(SURNAMES))
    if kind == "code":
        return tuple(rng.choice(NUMBERS) for _ in range(3))
    if kind == "when":
        return (rng.choice(DAYS), rng.choice(TIMES))
    goods = rng.sample(GOODS, rng.randint(*items))
    return tuple(w for g in goods for w in (",", g))[1:]


def state(rng, cell, value, adverb_share=0.3):
    """The sentence that says cell = value."""
    lead, link = FACT[cell.kind]
    head = [cell.name, *lead, cell.adjective, cell.object]
    adverb = [rng.choice(ADVERBS)] if rng.random() < adverb_share else []
    words = (*head, *adverb, *link, *value, ".")
    return Fact(cell, value, words, len(head) - 1, len(head) + len(adverb) + len(link))


def ask(cell):
    """The question about a cell, as words, and the index of its object."""
    before, between, after = QUESTION[cell.kind]
    head = [*before, cell.name, *between, cell.adjective, cell.object]
    return [*head, *after, "?"], len(head) - 1


def filler(rng):
    """A sentence that states no fact, 6-9 words."""
    pick, shape = rng.choice, rng.random()
    if shape < 0.35:
        return ("the", pick(FILL_ADJECTIVES), pick(FILL_NOUNS), pick(FILL_VERBS),
                pick(FILL_PREPOSITIONS), "the", pick(FILL_ADJECTIVES), pick(FILL_NOUNS), ".")
    if shape < 0.6:
        return ("the", pick(FILL_NOUNS), pick(FILL_VERBS), "and", "the", pick(FILL_NOUNS),
                pick(FILL_VERBS), ".")
    if shape < 0.8:
        return (pick(NAMES), pick(FILL_ACTS), pick(FILL_PREPOSITIONS), "the", pick(FILL_NOUNS), ".")
    return ("while", "the", pick(FILL_NOUNS), pick(FILL_VERBS), ",", pick(NAMES),
            pick(FILL_ACTS), ".")


def all_words():
    """Every word of the language once, in a fixed order."""
    pools = [NAMES, ADJECTIVES, OBJECTS, PLACE_ADJECTIVES, PLACES, TITLES, SURNAMES, NUMBERS,
             DAYS, TIMES, GOODS, ADVERBS, FILL_ADJECTIVES, FILL_NOUNS, FILL_VERBS, FILL_ACTS,
             FILL_PREPOSITIONS, NOT_STATED, CONTEXT, ASK, REPLY,
             ["the", "and", "while", ".", ",", "?"]]
    pools += [part for parts in [*FACT.values(), *QUESTION.values()] for part in parts]
    return list(dict.fromkeys(word for pool in pools for word in pool))
