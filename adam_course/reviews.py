"""Film reviews that a grammar writes: what `datasets.reviews` is made of.

Nobody wrote them and no film was seen.  Whether a review is positive is decided by a rule
that takes the words in their order (see `corpus`), so a model that only counts words must
fail where one that reads in order can be right every time.

Within each kind of word the i-th is drawn with a probability proportional to 1/i.  Words
of such kinds together follow Zipf's law, whatever the shares A_c of the kinds are: those
more frequent than f are Σ_c A_c / f in number, so the word of rank r has f = Σ_c A_c / r.
"""

from bisect import bisect
from itertools import accumulate
from numbers import Integral, Real
from random import Random

# The most words that a review has, and the least.
LONGEST, SHORTEST = 40, 5

# Every kind of word in the order of its frequency.
LEXICON = {
    kind: tuple(words.split())
    for kind, words in {
        # -------------------------------------------------- words with a sentiment
        "good": """good great wonderful charming funny brilliant clever lovely superb beautiful
            excellent moving witty fresh delightful elegant gripping warm splendid touching graceful
            marvellous tender sparkling hilarious radiant subtle vivid inspired dazzling magical
            stunning heartfelt polished joyous engaging thrilling luminous exquisite sublime
            glorious enchanting refreshing flawless spellbinding riveting masterful uplifting
            captivating memorable poignant ingenious breathtaking triumphant irresistible
            effervescent""",
        "bad": """bad dull boring awful silly weak terrible clumsy tedious ugly poor stale dreary
            lazy pointless predictable shallow horrible tiresome bland lifeless wooden sloppy dismal
            annoying soulless cheap muddled stupid grating hollow feeble painful clunky dire
            cringeworthy pretentious ghastly insipid turgid incoherent abysmal charmless mediocre
            lacklustre forgettable unbearable uninspired ponderous plodding vapid inane excruciating
            laborious derivative interminable""",
        "delight": """delight treat joy gem triumph masterpiece pleasure wonder marvel gift
            revelation jewel blessing""",
        "letdown": """bore mess failure disaster chore letdown nightmare disgrace flop embarrassment
            catastrophe ordeal shambles""",
        "loved": """loved enjoyed liked admired adored praised applauded cherished treasured
            relished celebrated savoured revered""",
        "hated": """hated disliked regretted despised loathed detested mocked dreaded resented
            cursed deplored scorned lamented""",
        # ------------------------------------------------------------ neutral words
        "very": """very really quite truly rather entirely utterly remarkably thoroughly completely
            deeply surprisingly particularly wholly extraordinarily exceptionally decidedly
            unusually genuinely undeniably downright unexpectedly consistently strangely""",
        "film": """film movie comedy picture drama western musical thriller sequel remake romance
            documentary cartoon prequel whodunit biopic mockumentary operetta fable epic mystery
            parody farce satire tragedy melodrama""",
        "aspect": """plot ending cast script story soundtrack dialogue opening pace finale
            camerawork scenery villain hero lead title chorus costume prologue narrator twist
            wardrobe choreography epilogue montage makeup voiceover subplot overture casting
            orchestra intermission premise puppetry soliloquy flashback backdrop cameo trailer
            sidekick monologue punchline duel ballad chase picnic tango prophecy shootout""",
        "craft": """acting music writing lighting directing editing singing dancing photography
            humour design sound animation cinematography stagecraft swordplay pacing rhythm
            tailoring yodelling mime whistling ventriloquism storytelling fencing""",
        "relative": """sister brother mother father uncle aunt cousin neighbour grandmother friend
            grandfather nephew niece dentist landlord roommate colleague godmother stepson
            babysitter accountant penfriend chiropodist grandson optician godson bridesmaid lodger
            flatmate stepmother bassoonist understudy goddaughter archdeacon""",
        "job": """teacher baker detective plumber farmer doctor sailor lawyer butcher pianist
            gardener waiter clown beekeeper carpenter librarian tailor fisherman astronaut barber
            painter postman wizard shepherd cellist surgeon welder magician chimneysweep florist spy
            blacksmith nun puppeteer archivist glassblower judge lumberjack acrobat butler
            cartographer milkman bellringer umpire locksmith pharmacist trombonist taxidermist
            falconer cheesemonger notary botanist hypnotist ventriloquist chessmaster dogcatcher
            seamstress organist cooper goldsmith gondolier stenographer upholsterer
            ornithologist""",
        "animal": """dog cat horse goose parrot goat rabbit donkey penguin hedgehog duck owl llama
            tortoise otter pig camel badger swan hamster walrus pigeon raccoon ferret squirrel
            rooster moose beaver lobster flamingo toad weasel octopus ostrich mule armadillo pelican
            crab iguana platypus wombat emu heron sloth newt pangolin capybara narwhal axolotl""",
        "object": """hat piano umbrella letter suitcase teapot ladder bicycle clock violin lamp map
            bucket candle mirror key trumpet sofa kettle statue boat diary basket wheelbarrow rope
            telescope sandwich blanket compass cactus drum spoon trombone wig broom accordion jar
            typewriter carpet bell balloon anchor coat canoe lantern chandelier tuba stamp necklace
            hammock colander photograph bathtub unicycle globe harp periscope doorknob sundial
            toaster saxophone monocle weathervane pendulum thimble bagpipe sousaphone abacus
            gramophone armchair samovar barometer didgeridoo""",
        "food": """pancakes noodles apples olives pickles sausages cookies peanuts dumplings
            cherries onions carrots radishes biscuits beans waffles grapes lemons crackers lentils
            plums doughnuts turnips tomatoes pretzels anchovies potatoes oysters pistachios sardines
            walnuts gooseberries figs muffins gherkins crumpets raisins artichokes snails""",
        "town": """paris london rome oslo berlin madrid vienna lisbon dublin prague cairo bergen
            geneva athens naples krakow toronto lima havana bruges riga tokyo leeds porto tunis
            zagreb glasgow boston seville ghent hanoi quito tallinn basel nairobi bremen utrecht
            palermo montreal cardiff malmo turin lagos trieste auckland dakar bilbao delft reykjavik
            salzburg odessa aberdeen winnipeg lausanne timbuktu ljubljana samarkand valparaiso""",
        "name": """anna bruno clara otto maria felix olga hugo ida leo greta max nora oscar emma
            boris alma victor ruth ivan agnes walter elsa karl irene gustav rosa edgar flora simon
            vera conrad hilda rufus edith magnus dora cyril olive barnaby gertrude cornelius
            wilhelmina balthazar""",
        "trait": """young old tall tired retired shy hungry sleepy lefthanded talkative bearded
            married homesick quiet careful barefoot curious freckled stubborn sunburnt polite bald
            nearsighted bilingual forgetful widowed nervous punctual restless wealthy teenage
            penniless superstitious elderly nocturnal sneezing ambidextrous vegetarian moustachioed
            amnesiac seasick""",
        "colour": """red blue green black white yellow grey purple brown orange pink golden
            turquoise crimson striped silver scarlet beige violet checkered mauve magenta""",
        "room": """kitchen garden cellar attic library bakery station bathroom garage barn
            lighthouse museum hospital castle laundry stable greenhouse lift courtyard observatory
            windmill monastery pantry aquarium submarine planetarium""",
        "venue": """cinema theatre school festival club townhall marquee embassy gymnasium airport
            barracks ferry prison casino courthouse chapel ballroom warehouse sauna circus dairy""",
        "weather": "rainy sunny cold windy snowy foggy hot stormy cloudy frosty humid thundery",
        "day": "monday friday sunday tuesday saturday thursday wednesday",
        "meal": """dinner breakfast lunch work supper church brunch bingo yoga karate choir chess
            swimming gardening""",
        "number": """two three four five six seven eight ten nine twelve eleven twenty thirteen
            forty fifteen thirty sixteen ninety fourteen eighty""",
        "half": "first second third last fourth fifth next penultimate seventh ninth final",
        "act": """finds steals buys paints hides repairs sells follows marries borrows tickles
            photographs chases inherits feeds washes draws counts trains weighs adopts insures
            polishes misplaces invents interviews haunts impersonates worships kidnaps serenades""",
        "moved": """opened carried dropped waxed measured hid cleaned returned wrapped dusted tuned
            auctioned unscrewed buried juggled weighed framed catalogued autographed embroidered
            varnished""",
        "language": """french italian english spanish german polish swedish danish welsh greek
            portuguese latin icelandic finnish estonian basque esperanto hungarian czech norwegian
            turkish catalan maltese gaelic""",
    }.items()
}

POSITIVE = frozenset(LEXICON["good"] + LEXICON["delight"] + LEXICON["loved"])
NEGATIVE = frozenset(LEXICON["bad"] + LEXICON["letdown"] + LEXICON["hated"])
_OPPOSITE = {"good": "bad", "delight": "letdown", "loved": "hated"}

# The grammar; in each list, the more frequent sentences first.  Verdicts and denials are
# written for one side, and filled with words of the other side as well.
VERDICTS = (
    "the {aspect} is {very} {good}",
    "the {aspect} was {very} {good}",
    "the {aspect} of this {film} is {good}",
    "it is a {very} {good} {film}",
    "it has {very} {good} {craft}",
    "it has a {good} {aspect}",
    "the {craft} feels {very} {good}",
    "the {aspect} is a {delight}",
    "i {loved} the {aspect}",
    "my {relative} {loved} the {craft}",
)
DENIALS = (
    "the {aspect} is not {very} {good}",
    "the {aspect} was never {very} {good}",
    "the {aspect} of this {film} is hardly {good}",
    "it is not a {very} {good} {film}",
    "it is far from a {good} {film}",
    "there is nothing {very} {good} about the {aspect}",
    "the {craft} is not for a minute {good}",
    "nobody could call the {craft} {good}",
    "the {aspect} is by no means a {delight}",
    "i never {loved} the {aspect}",
    "my {relative} hardly {loved} the {craft}",
)
ASIDES = (
    "after {number} minutes",
    "in the {half} half",
    "even in {language}",
    "from the {half} row",
    "as my {relative} says",
    "for a {film} from {town}",
)
AGREEMENTS = ("{for}", "{for} and {for}")
CONTRASTS = (
    "{against} but {for}",
    "although {against} {for}",
    "{against} yet {for}",
    "{for} although {against}",
)
STORIES = (
    "i saw it on a {weather} {day} with my {relative}",
    "it is about a {trait} {job} and a {animal} in {town}",
    "{name} plays a {trait} {job} from {town}",
    "we watched it in a {venue} in {town} after {meal}",
    "the {job} keeps a {trait} {animal} in the {room}",
    "my {relative} brought {number} {food} to the {venue}",
    "a {animal} {act} the {object} of a {trait} {job}",
    "somebody {moved} the {colour} {object} of {name}",
    "the {job} behind us ate {food} with {food}",
    "{name} and {name} speak {language} to the {animal}",
    "a {colour} {object} belongs to the {job} who {act} {name}",
    "it was filmed between {town} and {town} with a {colour} {animal}",
    "our {job} {moved} a {object} at the {venue}",
    "tickets cost {number} {food} or one {colour} {object}",
    "every {job} in {town} owns a {trait} {animal}",
    "{name} once {moved} {number} {food} under a {object}",
    "some {trait} nuns hum while the {job} {act} a {object}",
    "there goes the {object} said a {trait} {animal}",
    "later {name} {act} the {colour} {object} again",
)
JOINTS = ("and", "then", "meanwhile", "anyway", "besides", "afterwards", "incidentally")

_GRAMMAR = VERDICTS + DENIALS + ASIDES + AGREEMENTS + CONTRASTS + STORIES + JOINTS
_FIXED = {word for sentence in _GRAMMAR for word in sentence.split() if word[0] != "{"}

# Every word that a review can have.
WORDS = frozenset(_FIXED.union(["an"], *LEXICON.values()))

# How often an intensifier or an aside comes where one may come.
_OPTIONAL = 0.4


def corpus(train, test, seed, *, negated, contrasted):
    """Generated reviews, and whether each is positive.

    The rule that decides, for one who reads a review from left to right:

    - a word for or against counts, one of `POSITIVE` or `NEGATIVE`;
    - a negation (not, never, hardly, nothing, nobody, far, no) turns the next such word round;
    - "although" takes the next such word out of the count;
    - of those left, the last decides.

    Parameters
    ----------
    train, test : int, at least 1
        How many reviews.
    seed : int, at least 0
        The test reviews depend on `seed` and `test` alone, and of two training sets the
        smaller is the beginning of the larger.
    negated : float, in [0, 1]
        The share of denials ("not good") among verdicts.
    contrasted : float, in [0, 1]
        The share of reviews in which one verdict speaks against the others.

    Returns
    -------
    (train_texts, train_labels, test_texts, test_labels)
        Lists of str, of 5 to 40 words, no two of them equal; and of int, 1 for positive,
        one of each in every two.

    Raises
    ------
    ValueError
        Naming the argument and its value.

    Examples
    --------
    >>> texts, labels, _, _ = corpus(2, 1, seed=0, negated=0.25, contrasted=0.35)
    >>> texts[1], labels[1]
    ('the script is very good in the first half', 1)
    """
    for name, count, least in (("train", train, 1), ("test", test, 1), ("seed", seed, 0)):
        if not isinstance(count, Integral) or isinstance(count, bool) or count < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, got {count!r}")
    for name, share in (("negated", negated), ("contrasted", contrasted)):
        if not isinstance(share, Real) or isinstance(share, bool) or not 0 <= share <= 1:
            raise ValueError(f"{name} must be a number in [0, 1], got {share!r}")
    known = set()
    parts = {}
    for part, count in (("test", test), ("train", train)):
        writer = _Writer(f"{seed} {part}", negated, contrasted)
        parts[part] = writer.different_reviews(count, known)
    return *parts["train"], *parts["test"]


class _Writer:
    """Writes reviews, always the same ones from the same seed."""

    def __init__(self, seed, negated, contrasted):
        # `Random.random` is the one method whose numbers Python promises to keep.
        self._random = Random(seed).random
        self._negated, self._contrasted = negated, contrasted

    def different_reviews(self, count, known):
        """Texts that are not among the known, which they join; and labels."""
        texts, labels = [], []
        while len(texts) < count:
            # Both labels in every two, in either order: balanced however many are taken.
            label = 1 - labels[-1] if len(labels) % 2 else int(self._random() < 0.5)
            text = self._review(bool(label))
            while text in known:
                text = self._review(bool(label))
            known.add(text)
            texts.append(text)
            labels.append(label)
        return texts, labels

    def _review(self, positive):
        said = set()
        judgement = self._judgement(positive, said)
        while True:
            before, after = int(3 * self._random()), int(2 * self._random())
            sentences = self._stories(before + after, said.copy())
            sentences.insert(before, judgement)
            first, *others = sentences
            words = first.split()
            for sentence in others:
                words += [self._one_of(JOINTS), *sentence.split()]
            if SHORTEST <= len(words) <= LONGEST:
                return " ".join(_with_an(words))

    def _judgement(self, positive, said):
        frame = self._one_of(CONTRASTS if self._random() < self._contrasted else AGREEMENTS)
        sides = {"{for}": positive, "{against}": not positive}
        return " ".join(
            self._verdict(sides[word], said) if word in sides else word for word in frame.split()
        )

    def _verdict(self, positive, said):
        if self._random() < self._negated:
            verdict = self._fill(self._one_of(DENIALS), said, positive=not positive)
        else:
            verdict = self._fill(self._one_of(VERDICTS), said, positive=positive)
        if self._random() < _OPTIONAL:
            verdict += " " + self._fill(self._one_of(ASIDES), said)
        return verdict

    def _stories(self, count, said):
        chosen = []
        while len(chosen) < count:
            story = self._one_of(STORIES)
            if story not in chosen:
                chosen.append(story)
        return [self._fill(story, said) for story in chosen]

    def _fill(self, sentence, said, positive=True):
        """A sentence of the grammar in words; those that it draws join what was said."""
        words = []
        for word in sentence.split():
            if word == "{very}" and self._random() >= _OPTIONAL:
                continue
            if word[0] == "{":
                kind = word[1:-1]
                word = self._word(kind if positive else _OPPOSITE.get(kind, kind), said)
            words.append(word)
        return " ".join(words)

    def _word(self, kind, said):
        while True:
            word = _drawn(LEXICON[kind], _WEIGHTS[kind], self._random())
            if word not in said:  # not two verdicts on one plot, nor "from paris to paris"
                said.add(word)
                return word

    def _one_of(self, sentences):
        return _drawn(sentences, _WEIGHTS[sentences], self._random())


def _drawn(items, cumulative, at):
    return items[bisect(cumulative, at * cumulative[-1])]


def _cumulative(count, shift):
    return list(accumulate(1 / (i + shift) for i in range(1, count + 1)))


_WEIGHTS = {kind: _cumulative(len(words), 0) for kind, words in LEXICON.items()}
# The sentences a little more evenly than the words, for the sake of the reader.
_WEIGHTS |= {
    sentences: _cumulative(len(sentences), 1)
    for sentences in (VERDICTS, DENIALS, ASIDES, AGREEMENTS, CONTRASTS, STORIES, JOINTS)
}


def _with_an(words):
    """The words with "an" for "a" before what begins with the sound of a vowel."""
    following = [*words[1:], ""]
    return [
        "an" if word == "a" and after[:1] in set("aeiou") and after != "unicycle" else word
        for word, after in zip(words, following)
    ]
