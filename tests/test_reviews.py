"""The generated reviews are what they say: readable, balanced, Zipf's, and decided by order."""

import hashlib
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

import adam_course
from adam_course.reviews import (
    AGREEMENTS,
    ASIDES,
    CONTRASTS,
    DENIALS,
    JOINTS,
    LEXICON,
    NEGATIVE,
    POSITIVE,
    STORIES,
    VERDICTS,
    WORDS,
    corpus,
)

SHARES = {"negated": 0.25, "contrasted": 0.35}


def made(train=2000, test=1000, seed=0, **shares):
    return corpus(train, test, seed, **{**SHARES, **shares})


@pytest.fixture(scope="module")
def usual():
    return made()


@pytest.fixture(scope="module")
def many():
    """Enough of them to measure shares."""
    texts, labels, _, _ = made(train=6000, test=1)
    return texts, labels


# -------------------------------------------------------------------- the rule


def read(text):
    """Whether a review is positive, by somebody who reads it from left to right.

    Written from the docstring of `corpus`, not from its code.
    """
    verdict, turned, conceded = None, False, False
    for word in text.split():
        if word in ("not", "never", "hardly", "nothing", "nobody", "far", "no"):
            turned = True
        elif word == "although":
            conceded = True
        elif word in POSITIVE or word in NEGATIVE:
            if not conceded:
                verdict = (word in POSITIVE) != turned
            turned = conceded = False
    return int(verdict)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shares", [{}, {"negated": 1, "contrasted": 1}, {"negated": 0}], ids=repr)
def test_one_who_reads_in_order_is_always_right(seed, shares):
    train, train_labels, test, test_labels = made(1000, 500, seed, **shares)
    assert [read(text) for text in train + test] == train_labels + test_labels


def test_the_reader_understands_what_a_reader_would():
    assert read("good acting but a dull plot") == 0
    assert read("the plot is dull but the cast was never bad") == 1
    assert read("although the plot is dull the cast is great") == 1
    assert read("the cast is great although the plot is not good") == 1


@pytest.mark.parametrize("skip", ["turned", "conceded", "last"])
def test_each_part_of_the_rule_is_needed(usual, skip):
    """Without one of them the reader is often wrong, so a model must learn all three."""

    def careless(text):
        verdicts, turned, conceded = [], False, False
        for word in text.split():
            if word in ("not", "never", "hardly", "nothing", "nobody", "far", "no"):
                turned = skip != "turned"
            elif word == "although":
                conceded = skip != "conceded"
            elif word in POSITIVE or word in NEGATIVE:
                if not conceded:
                    verdicts.append((word in POSITIVE) != turned)
                turned = conceded = False
        return int(verdicts[0 if skip == "last" else -1])

    _, _, test, labels = usual
    right = np.mean([careless(text) == label for text, label in zip(test, labels)])
    assert 0.6 < right < 0.95


# --------------------------------------------------- counting fails, order succeeds


def counting(train, labels, test, test_labels, most):
    """The test accuracy of a logistic regression on counts of up to `most` words in a row."""
    count = CountVectorizer(ngram_range=(1, most), token_pattern=r"\S+")
    train, test = count.fit_transform(train), count.transform(test)
    # The strength of its regularisation that is best for it, on the test set itself.
    return max(
        LogisticRegression(C=c, solver="liblinear").fit(train, labels).score(test, test_labels)
        for c in (0.03, 0.3, 3)
    )


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("most", [1, 2, 3])
def test_counting_words_pairs_or_triples_stays_far_below_the_rule(seed, most):
    assert 0.5 < counting(*made(seed=seed), most) < 0.75


def test_counting_words_does_with_five_times_the_reviews_no_better():
    assert counting(*made(train=10_000), 1) < 0.75


def test_without_negation_and_contrast_counting_words_is_enough():
    assert counting(*made(negated=0, contrasted=0), 1) > 0.97


@pytest.mark.parametrize("shares", [{"negated": 0}, {"contrasted": 0}], ids=repr)
def test_each_of_the_two_makes_counting_words_harder(shares):
    easy = counting(*made(negated=0, contrasted=0), 1)
    hard = counting(*made(), 1)
    assert hard + 0.05 < counting(*made(**shares), 1) < easy - 0.05


def test_nothing_but_the_verdicts_gives_the_label_away(usual):
    """With the words for and against left out, triples of the others know nothing."""

    def masked(texts):
        judging = POSITIVE | NEGATIVE
        return [
            " ".join("_" if word in judging else word for word in text.split()) for text in texts
        ]

    train, labels, test, test_labels = usual
    assert abs(counting(masked(train), labels, masked(test), test_labels, 3) - 0.5) < 0.06


def test_length_and_number_of_verdicts_do_not_give_it_away(many):
    texts, labels = many
    positive = np.array(labels, bool)
    for measure in (
        lambda text: len(text.split()),
        lambda text: sum(word in POSITIVE | NEGATIVE for word in text.split()),
        lambda text: "not" in text.split(),
        lambda text: "although" in text.split(),
    ):
        values = np.array([measure(text) for text in texts], float)
        apart = values[positive].mean() - values[~positive].mean()
        error = values.std() * np.sqrt(4 / len(values))
        assert abs(apart) < 4 * error


# ----------------------------------------------------------------------- Zipf's law


def frequencies(texts):
    """From the most to the least frequent word."""
    counts = Counter(word for text in texts for word in text.split())
    return np.array(sorted(counts.values(), reverse=True), float)


@pytest.mark.parametrize("seed", range(3))
def test_the_frequent_words_follow_zipfs_law(seed):
    frequency = frequencies(made(seed=seed)[0])[:300]
    rank = np.log(np.arange(1, 301))
    slope, _ = np.polyfit(rank, np.log(frequency), 1)
    assert abs(slope + 1) < 0.1
    assert np.corrcoef(rank, np.log(frequency))[0, 1] ** 2 > 0.98


def test_the_vocabulary_has_about_a_thousand_words_and_most_are_rare(usual):
    counts = frequencies(usual[0])
    assert 900 < len(WORDS) < 1100
    assert 900 < len(counts) <= len(WORDS)
    assert counts[:10].sum() > 0.3 * counts.sum()
    assert np.median(counts) <= 20


@pytest.mark.parametrize("words", [POSITIVE, NEGATIVE], ids=["positive", "negative"])
def test_most_words_that_judge_are_rare(usual, words):
    """Rows of an embedding that few batches touch, and that matter."""
    texts = usual[0]
    among = [sum(word in text.split() for text in texts) for word in sorted(words)]
    assert sum(count < 0.01 * len(texts) for count in among) > 0.6 * len(words)
    assert max(among) > 0.05 * len(texts)


def test_within_a_kind_the_first_is_twice_as_frequent_as_the_second(many):
    counts = Counter(word for text in many[0] for word in text.split())
    for kind in ("good", "bad", "town", "animal", "relative"):
        first, second, *_, tenth = (counts[word] for word in LEXICON[kind][:10])
        assert 1.7 < first / second < 2.3
        assert 7 < first / tenth < 14


# -------------------------------------------------------------------- the language

# Who is said "an" to; "unicycle" begins with the sound of "you".
VOWELS = tuple("aeiou")


def test_a_review_has_5_to_40_words(many):
    lengths = [len(text.split()) for text in many[0]]
    assert min(lengths) == 5
    assert max(lengths) == 40
    assert 15 < np.mean(lengths) < 30


def test_every_word_is_one_of_the_words_and_plain(many):
    assert {word for text in many[0] for word in text.split()} <= WORDS
    assert all(re.fullmatch("[a-z]+", word) for word in WORDS)
    assert not any("  " in text or text != text.strip() for text in many[0])


def test_with_enough_reviews_every_word_comes():
    texts, _, _, _ = made(train=20_000, test=1)
    assert {word for text in texts for word in text.split()} == WORDS


def test_a_and_an_are_said_as_they_should_be(many):
    before = Counter()
    for text in many[0]:
        words = text.split()
        for article, word in pairwise(words):
            if article in ("a", "an"):
                an = word.startswith(VOWELS) and word != "unicycle"
                before[article] += 1
                assert article == ("an" if an else "a"), f"{article} {word}"
    assert min(before.values()) > 500


def test_no_word_is_of_two_kinds_and_none_that_judges_is_neutral():
    kinds = Counter(word for words in LEXICON.values() for word in words)
    assert kinds.most_common(1)[0][1] == 1
    neutral = [kind for kind in LEXICON if kind not in JUDGING]
    assert len(neutral) > 15
    assert not (POSITIVE | NEGATIVE) & {word for kind in neutral for word in LEXICON[kind]}
    assert not POSITIVE & NEGATIVE
    assert {word for kind in JUDGING for word in LEXICON[kind]} == POSITIVE | NEGATIVE


JUDGING = ("good", "bad", "delight", "letdown", "loved", "hated")
NEGATIONS = {"not", "never", "hardly", "nothing", "nobody", "far", "no"}


def fixed(sentences):
    return {word for sentence in sentences for word in sentence.split() if word[0] != "{"}


def test_negations_are_in_every_denial_and_nowhere_else():
    for denial in DENIALS:
        words = denial.split()
        judged = [i for i, word in enumerate(words) if word[1:-1] in JUDGING]
        negated = [i for i, word in enumerate(words) if word in NEGATIONS]
        assert len(judged) == len(negated) == 1
        assert negated < judged, "the negation comes first"
    others = fixed(VERDICTS + ASIDES + AGREEMENTS + CONTRASTS + STORIES + JOINTS)
    drawn = {word for words in LEXICON.values() for word in words}
    assert not NEGATIONS & (others | drawn)
    assert not {"but", "yet", "although"} & (fixed(VERDICTS + DENIALS + ASIDES + STORIES) | drawn)


def test_every_verdict_judges_once_and_no_story_does():
    slots = [[w[1:-1] for w in s.split() if w[0] == "{"] for s in VERDICTS + DENIALS]
    assert all(sum(slot in JUDGING for slot in one) == 1 for one in slots)
    for sentence in STORIES + ASIDES:
        assert not {word[1:-1] for word in sentence.split()} & set(JUDGING)
    assert not fixed(VERDICTS + DENIALS + STORIES + ASIDES + JOINTS) & (POSITIVE | NEGATIVE)


def test_no_content_word_is_drawn_twice_in_a_review(many):
    """Not two verdicts on one plot, nor from paris to paris."""
    drawn = {word for words in LEXICON.values() for word in words}
    grammar = fixed(VERDICTS + DENIALS + ASIDES + STORIES + JOINTS + AGREEMENTS + CONTRASTS)
    for text in many[0]:
        once = [word for word in text.split() if word in drawn - grammar]
        assert len(set(once)) == len(once), text


# ----------------------------------------------------------- shares, balance, seeds


@pytest.mark.parametrize(("negated", "contrasted"), [(0.25, 0.35), (0.6, 0.1), (0, 1), (1, 0)])
def test_the_shares_are_what_was_asked_for(negated, contrasted):
    texts, _, _, _ = made(4000, 1, negated=negated, contrasted=contrasted)
    words = [text.split() for text in texts]
    verdicts = sum(word in POSITIVE | NEGATIVE for text in words for word in text)
    denials = sum(word in NEGATIONS for text in words for word in text)
    contrasts = sum(not {"but", "yet", "although"}.isdisjoint(text) for text in words)
    assert abs(denials / verdicts - negated) < 0.03
    assert abs(contrasts / len(texts) - contrasted) < 0.03


@pytest.mark.parametrize(("train", "test"), [(2000, 1000), (10, 4), (7, 1), (1, 5)])
def test_labels_are_balanced(train, test):
    _, train_labels, _, test_labels = made(train, test)
    for count, labels in ((train, train_labels), (test, test_labels)):
        assert len(labels) == count
        assert abs(2 * sum(labels) - count) == count % 2
        pairs = zip(labels[::2], labels[1::2])
        assert all(a + b == 1 for a, b in pairs)
    assert set(train_labels + test_labels) <= {0, 1}


def test_in_a_pair_either_label_may_come_first(usual):
    first = np.mean(usual[1][::2])
    assert 0.45 < first < 0.55


@pytest.mark.parametrize("shares", [{}, {"negated": 0, "contrasted": 0}], ids=repr)
def test_no_review_is_there_twice(shares):
    train, _, test, _ = made(8000, 2000, **shares)
    assert len(set(train)) == len(train)
    assert len(set(test)) == len(test)
    assert not set(train) & set(test)


def test_the_same_seed_makes_the_same_reviews_and_another_others(usual):
    assert made() == usual
    other = made(seed=1)
    assert len(set(other[0]) & set(usual[0])) < 0.02 * len(usual[0])
    assert len(set(other[2]) & set(usual[2])) < 0.02 * len(usual[2])
    assert other[1] != usual[1]


def test_a_smaller_training_set_is_the_beginning_of_a_larger_and_the_test_set_is_the_same(usual):
    small = made(train=500)
    assert small[0] == usual[0][:500]
    assert small[1] == usual[1][:500]
    assert small[2:] == usual[2:]


# Of the texts and labels of seed 0, one a line.
DIGEST = "e3cccb845b01e26d86ac95263666bb259c656b6bfda674535a012f9cd143e523"


def digest(train, train_labels, test, test_labels):
    lines = [f"{label} {text}\n" for text, label in zip(train + test, train_labels + test_labels)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def test_the_reviews_are_the_same_on_every_machine(usual):
    assert digest(*usual) == DIGEST


def test_they_are_the_same_in_another_process_with_other_hashes(usual):
    code = (
        "from adam_course.reviews import corpus; import hashlib; "
        "a, b, c, d = corpus(2000, 1000, 0, negated=0.25, contrasted=0.35); "
        "lines = [f'{y} {x}\\n' for x, y in zip(a + c, b + d)]; "
        "print(hashlib.sha256(''.join(lines).encode()).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(adam_course.__file__).parent.parent,
        env={"PYTHONHASHSEED": "123"},
    )
    assert done.stdout.strip() == digest(*usual)


def test_only_the_method_that_python_promises_to_keep_is_used():
    """`choice`, `shuffle` and their kin may change with a version of Python; `random` may not."""
    source = Path(sys.modules["adam_course.reviews"].__file__).read_text(encoding="utf-8")
    assert "Random(seed).random" in source
    assert not re.search(r"choice|shuffle|sample|randint|randrange|default_rng", source)


# --------------------------------------------------------------------- bad arguments

BAD = {
    "train": [0, -1, 2.5, "10", True, None],
    "test": [0, -1, 2.5, False],
    "seed": [-1, 0.5, "0", None, True],
    "negated": [-0.1, 1.1, float("nan"), "half", None, True],
    "contrasted": [-0.1, 1.1, float("nan"), "half", None, False],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values])
def test_a_bad_argument_is_refused_by_name_and_value(name, value):
    with pytest.raises(ValueError, match=rf"^{name} must be ") as error:
        made(**{name: value})
    assert str(error.value).endswith(f"got {value!r}")


@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_whole_numbers_of_numpy_will_do(kind):
    assert made(kind(20), kind(4), kind(3)) == made(20, 4, 3)
