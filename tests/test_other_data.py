"""Chapters 11 and 12 run to their end on other data, put in by the one line that they name.

MNIST and IMDb cannot be fetched here.  What stands in for them has their published form, is
small, and is like them where a chapter might count on it: handwriting of unequal number and
in no order; reviews of very different lengths, with marks and breaks, words that occur
once, and a vocabulary that is not the grammar's.
"""

import gzip
from typing import NamedTuple

import nbformat
import numpy as np
import pytest
from mirror import idx, published
from nbclient import NotebookClient
from scipy.ndimage import affine_transform

from adam_course import datasets
from adam_course.datasets import digits
from tools.notebooks import ROOT, TIMEOUT
from tools.outputs import claims

# ------------------------------------------------------------------ what stands in


def handwriting(images, labels, count, rng):
    """So many of the pictures in MNIST's form, each slanted, turned, and thicker or thinner."""
    chosen = rng.choice(len(images), count, replace=False)
    middle = np.array([13.5, 13.5])
    pictures = []
    for image in images[chosen]:
        turn, slant, size = rng.normal((0, 0, 1), (0.08, 0.1, 0.05))
        cos, sin = np.cos(turn) / size, np.sin(turn) / size
        matrix = np.array([[cos, -sin], [sin, cos]]) @ [[1, 0], [slant, 1]]
        picture = affine_transform(image, matrix, middle - matrix @ middle, order=1)
        pictures.append(255 * np.clip(picture, 0, 1) ** rng.uniform(0.6, 1.3))
    return np.round(pictures).astype(np.uint8), labels[chosen].astype(np.uint8)


def small_mnist(folder, train=1150, test=40):
    """MNIST's four files in a folder; the Python that tells the course that it is all of it.

    There are as many to train on as the chapter's race takes, and so few to test on that it
    cannot count on finding as many mistakes as it would show.
    """
    data, rng = digits(seed=3), np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", train), ("test", test)):
        whole = getattr(data, f"{part}_images"), getattr(data, f"{part}_labels")
        arrays[f"{part}_images"], arrays[f"{part}_labels"] = handwriting(*whole, count, rng)
    files = {}
    for part, file in datasets._MNIST.items():
        content = gzip.compress(idx(arrays[part]))
        (folder / file.name).write_bytes(content)
        files[part] = published(file.name, content)
    return f"datasets._MNIST = {files!r}".replace("PublishedFile", "datasets.PublishedFile")


# What people write about films, without the judgement, and the judgements.
FRAMES = (
    "{The} {noun} of this {name} film {is} {verdict}",
    "I saw it with {name} on a rainy {name}, and the {noun} {is} {verdict}",
    "{name} plays a {name} who finds the {name}; {is} that {verdict}? To me it is",
    'The {noun} ("{name} {name}") {is} {verdict}',
    "{The} {noun} {is} {verdict}, but the {noun} {is} {other}",
    "Although the {noun} {is} {other}, the {noun} {is} {verdict}",
    "{name} and {name} go to {name}. Don't ask me why",
    "It's about a {name}, {name} minutes long, from the {name}s",
    '"{name}" it is called, and it’s the café scene that I\'ll remember',
)
NOUNS = ("film", "movie", "plot", "acting", "ending", "cast", "script", "story", "music")
# More than a few of the words that the course's grammar has, and some that it has not.
PRAISE = ("good", "great", "wonderful", "brilliant", "excellent", "lovely", "clever", "funny")
PRAISE += ("charming", "worth seeing", "top notch", "10/10", "a must-see", "awesome")
BLAME = ("bad", "boring", "awful", "terrible", "dull", "weak", "silly", "clumsy", "stupid")
BLAME += ("a waste of time", "unwatchable", "1/10", "lame", "so-so")
SYLLABLES = [c + v for c in "bdfgklmnprstvz" for v in ("a", "e", "i", "o", "u", "ar", "en")]


def film_review(positive, rng):
    """A review of some sentences: mostly of its own opinion, with breaks, as typed."""
    sentences, words = [], 0
    length = rng.lognormal(np.log(45), 0.8)
    while words < max(length, 4):
        verdicts = [PRAISE, BLAME] if positive == (rng.random() < 0.85) else [BLAME, PRAISE]
        verdict, other = (said[int(len(said) * rng.random() ** 2)] for said in verdicts)
        if rng.random() < 0.2:
            verdict = f"not {other}"
        sentence = FRAMES[rng.integers(len(FRAMES))]
        for gap, fill in {
            "{The}": lambda: rng.choice(["The", "the", "THE", "And the"]),
            "{is}": lambda: rng.choice(["is", "was", "is", "seems"]),
            "{noun}": lambda: NOUNS[int(len(NOUNS) * rng.random() ** 2)],
            # Names by Zipf's law: a few that all have, and many that occur once.
            "{name}": lambda: name_of(int(1500 ** rng.random())),
            "{verdict}": lambda verdict=verdict: verdict,
            "{other}": lambda other=other: other,
        }.items():
            while gap in sentence:
                sentence = sentence.replace(gap, fill(), 1)
        words += len(sentence.split())
        sentences.append(sentence + rng.choice([".", ".", "!", "...", ".<br /><br />"]))
    return " ".join(sentences)


def name_of(number):
    """A word that nobody has seen: another one for each number."""
    number += len(SYLLABLES)
    letters = ""
    while number:
        number, place = divmod(number, len(SYLLABLES))
        letters += SYLLABLES[place]
    return letters


def small_imdb(folder, count=320):
    """IMDb as it unpacks into a folder, with so many reviews of each kind; and that it is all."""
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for kind, lowest in (("neg", 1), ("pos", 7)):
            reviews = folder / "aclImdb" / part / kind
            reviews.mkdir(parents=True)
            for number in range(count):
                text = film_review(kind == "pos", rng)
                path = reviews / f"{number}_{lowest + rng.integers(4)}.txt"
                path.write_text(text, encoding="utf-8")
    (folder / "aclImdb" / "train" / "unsup").mkdir()
    (folder / "aclImdb" / "train" / "unsup" / "0_0.txt").write_text("Not labelled.")
    (folder / "aclImdb" / "README").write_text("Large Movie Review Dataset v1.0")
    return f"datasets._IMDB_COUNT = {count}"


# ------------------------------------------------------------------ how it is put in


class Case(NamedTuple):
    """A chapter, its line with the data, what a reader writes instead, and the stand-in."""

    chapter: str
    line: str
    told: str
    instead: str
    stand_in: object


CASES = {
    "MNIST": Case(
        "11_cnn_image_classification",
        "data = digits()",
        "data = mnist()",
        "data = mnist(directory={folder!r})",
        small_mnist,
    ),
    "IMDb": Case(
        "12_rnn_sentiment_analysis",
        "data = reviews(train=8000)",
        "data = imdb()",
        "data = imdb(directory={folder!r})",
        small_imdb,
    ),
}


def with_other_data(notebook, case, folder):
    """Change the one line of a notebook that its text names, and nothing else."""
    found = [
        (cell, number)
        for cell in notebook.cells
        if cell.cell_type == "code"
        for number, line in enumerate(cell.source.splitlines())
        if line == case.line
    ]
    assert len(found) == 1, f"{case.line!r} stands {len(found)} times in {case.chapter}"
    ((cell, number),) = found
    lines = cell.source.splitlines()
    lines[number] = case.instead.format(folder=str(folder))
    cell.source = "\n".join(lines)


def run_after(first, notebook):
    """Run a notebook in a fresh kernel in which something else ran first."""
    before = nbformat.v4.new_code_cell(first)
    notebook.cells.insert(0, before)
    NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(ROOT / "book")}},
        store_widget_state=False,
    ).execute()
    notebook.cells.remove(before)


def outputs_of(notebook):
    return [out for cell in notebook.cells for out in cell.get("outputs", ())]


def contrasts(outputs):
    """What is shown of the claims that do not hold on these data."""
    shown = [out.get("metadata", {}).get("adam_course", {}).get("contrast") for out in outputs]
    return [one for one in shown if one]


@pytest.mark.parametrize("name", CASES)
def test_a_chapter_runs_to_its_end_on_other_data(name, tmp_path):
    case = CASES[name]
    notebook = nbformat.read(ROOT / "book" / f"{case.chapter}.ipynb", as_version=4)
    told = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert case.told in told, "the text says which line to change"
    stated = claims(outputs_of(notebook))

    with_other_data(notebook, case, tmp_path)
    run_after(f"from adam_course import datasets\n{case.stand_in(tmp_path)}", notebook)

    outputs = outputs_of(notebook)
    assert [out.text for out in outputs if out.get("name") == "stderr"] == []
    held, differing = claims(outputs), contrasts(outputs)
    assert held
    assert differing
    # Nothing is left out: each claim of the chapter is shown, as so or as different.
    sentences = sorted(one["sentence"] for one in [*held, *differing])
    assert sentences == sorted(one["sentence"] for one in stated)
    shown = [out.data["text/plain"] for out in outputs if "data" in out]
    assert sum(text.startswith("≠") for text in shown) == len(differing)
