"""Pictures of digits and film reviews: some at once, some fetched, and interchangeable.

`digits` and `reviews` need no network; `mnist` and `imdb` are published data of the same
two types, so that a chapter changes one line to go from the small to the large.
"""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import numpy as np

from adam_course.checks import check_whole
from adam_course.downloads import (
    PublishedFile,
    addresses,
    data_directory,
    fetch,
    read_archive,
    read_idx,
    replacing,
)
from adam_course.reviews import LONGEST, WORDS, corpus

# ---------------------------------------------------------------------- the two types


@dataclass(frozen=True, eq=False)
class Images:
    """Pictures of digits in grey, and which digits they are.

    Attributes
    ----------
    train_images, test_images : float32 array (n, height, width), in [0, 1]
        0 is the background.
    train_labels, test_labels : int64 array (n,), in 0..9
    name : str

    Raises
    ------
    ValueError
        Naming the attribute, if it is not of this kind.

    Examples
    --------
    >>> images = digits()
    >>> images
    <Images 'digits': 1437 to train on, 360 to test on, 28 x 28>
    >>> images.train_images.shape
    (1437, 28, 28)
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    name: str

    def __post_init__(self):
        for part in ("train", "test"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            _check_array(f"{part}_images", images, np.float32, 3, low=0, high=1)
            _check_array(f"{part}_labels", labels, np.int64, 1, low=0, high=9)
            _check_count(f"{part}_labels", labels, f"{part}_images", images)
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise ValueError(
                f"test_images are {self.test_images.shape[1:]} in size, "
                f"train_images {self.train_images.shape[1:]}: they must be equal"
            )

    def __repr__(self):
        height, width = self.train_images.shape[1:]
        return (
            f"<Images {self.name!r}: {len(self.train_labels)} to train on, "
            f"{len(self.test_labels)} to test on, {height} x {width}>"
        )


@dataclass(frozen=True, eq=False)
class Texts:
    """Reviews as rows of numbers, each standing for a word, and whether they are positive.

    Attributes
    ----------
    train_tokens, test_tokens : int64 array (n, length)
        Indices into `vocabulary`; after the last word of a review, 0.
    train_lengths, test_lengths : int64 array (n,)
        The number of words of each review, at least 1.
    train_labels, test_labels : int64 array (n,)
        1 = positive, 0 = negative.
    vocabulary : tuple of str
        The first is "<pad>", the second "<unk>", which stands for every other word; then
        from the most to the least frequent in the training texts.
    name : str

    Methods: `encode`, from a text to numbers, and `decode`, back.

    Raises
    ------
    ValueError
        Naming the attribute, if it is not of this kind.

    Examples
    --------
    >>> texts = reviews()
    >>> texts
    <Texts 'reviews': 2000 to train on, 1000 to test on, 983 words, length 40>
    >>> texts.train_tokens.shape
    (2000, 40)
    """

    train_tokens: np.ndarray
    train_lengths: np.ndarray
    train_labels: np.ndarray
    test_tokens: np.ndarray
    test_lengths: np.ndarray
    test_labels: np.ndarray
    vocabulary: tuple
    name: str
    _index: dict = field(init=False, repr=False)

    def __post_init__(self):
        if self.vocabulary[:2] != ("<pad>", "<unk>"):
            raise ValueError(
                f"vocabulary must be a tuple that begins with '<pad>' and '<unk>', "
                f"got {self.vocabulary[:2]!r}"
            )
        object.__setattr__(self, "_index", {word: i for i, word in enumerate(self.vocabulary)})
        if len(self._index) != len(self.vocabulary):
            word, _ = Counter(self.vocabulary).most_common(1)[0]
            raise ValueError(f"vocabulary must have every word once, but has {word!r} again")
        for part in ("train", "test"):
            tokens, lengths, labels = (
                getattr(self, f"{part}_{kind}") for kind in ("tokens", "lengths", "labels")
            )
            _check_array(f"{part}_tokens", tokens, np.int64, 2, 0, len(self.vocabulary) - 1)
            _check_array(f"{part}_lengths", lengths, np.int64, 1, 1, tokens.shape[1])
            _check_array(f"{part}_labels", labels, np.int64, 1, 0, 1)
            _check_count(f"{part}_lengths", lengths, f"{part}_tokens", tokens)
            _check_count(f"{part}_labels", labels, f"{part}_tokens", tokens)
            if ((tokens != 0) != (np.arange(tokens.shape[1]) < lengths[:, None])).any():
                raise ValueError(
                    f"{part}_tokens must be 0 behind the last word of a review and nowhere else"
                )
        if self.train_tokens.shape[1] != self.test_tokens.shape[1]:
            raise ValueError(
                f"test_tokens have {self.test_tokens.shape[1]} columns, "
                f"train_tokens {self.train_tokens.shape[1]}: they must be equal"
            )

    @property
    def length(self):
        """The number of columns of the tokens: the most words that a review keeps."""
        return self.train_tokens.shape[1]

    def encode(self, text):
        """A text of your own, or several, in the form of the tokens here.

        Lower case, punctuation left out, cut after `length` words; a text without a word
        becomes one "<unk>".

        Parameters
        ----------
        text : str, or list of n str

        Returns
        -------
        (tokens, lengths)
            int64, of shapes (length,) and (); for a list (n, length) and (n,).

        Raises
        ------
        ValueError
            If it is neither a text nor a list of texts.

        Examples
        --------
        >>> texts = reviews(train=200, test=100)
        >>> tokens, length = texts.encode("Not good, but never DULL!")
        >>> texts.decode(tokens), int(length)
        ('not good but never dull', 5)
        """
        if isinstance(text, str):
            tokens, lengths = self.encode([text])
            return tokens[0], lengths[0]
        if not isinstance(text, list | tuple) or not all(isinstance(one, str) for one in text):
            raise ValueError(f"text must be a str or a list of str, got {text!r}")
        return _encoded(text, self._index, self.length)

    def decode(self, row):
        """The words of one row of tokens, joined by blanks; without the padding.

        Parameters
        ----------
        row : int array (k,)
            Indices into `vocabulary`.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            If it is no row of indices.

        Examples
        --------
        >>> texts = reviews(train=200, test=100)
        >>> texts.decode(texts.encode("A Zebra!")[0])
        'a <unk>'
        """
        row = np.asarray(row)
        size = len(self.vocabulary)
        if row.ndim != 1 or row.dtype.kind not in "iu" or ((row < 0) | (row >= size)).any():
            raise ValueError(f"row must be indices from 0 to {size - 1} in one row, got {row!r}")
        return " ".join(self.vocabulary[i] for i in row if i != 0)

    def __repr__(self):
        return (
            f"<Texts {self.name!r}: {len(self.train_labels)} to train on, "
            f"{len(self.test_labels)} to test on, {len(self.vocabulary)} words, "
            f"length {self.length}>"
        )


def _check_array(name, array, dtype, dimensions, low, high):
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != dimensions:
        got = (
            f"{array.dtype} of shape {array.shape}"
            if isinstance(array, np.ndarray)
            else type(array).__name__
        )
        raise ValueError(
            f"{name} must be an array of {np.dtype(dtype)} with {dimensions} dimension"
            f"{'s' if dimensions > 1 else ''}, got {got}"
        )
    if not array.size:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    least, most = array.min(), array.max()
    if not (low <= least and most <= high):  # nor NaN
        raise ValueError(f"{name} must be in {low}..{high}, got values from {least} to {most}")


def _check_count(name, array, other, reference):
    if len(array) != len(reference):
        raise ValueError(f"{name} are {len(array)}, {other} are {len(reference)}")


# ---------------------------------------------------------------------- pictures


def digits(size=28, test=360, seed=0):
    """1797 handwritten digits that come with scikit-learn, brought to the form of MNIST's.

    They are 8 x 8 pictures with 17 shades.  Each is enlarged to a square of 5/7 of `size`
    by cubic interpolation (Keys, a = −1/2) and put into the field with its centre of mass
    in the middle, as far as its square stays inside.  It is all done in whole numbers, so
    the result is the same on every machine, bit for bit.

    Parameters
    ----------
    size : int, from 12 to 128; default 28
        The height and width in pixels.
    test : int, from 10 to 1787; default 360
        How many to test on, of each digit as many as its share.
    seed : int, at least 0; default 0
        Which ones these are.  Both parts hold the hands of the same writers.

    Returns
    -------
    Images
        Each part in the order that scikit-learn has.

    Raises
    ------
    ValueError
        Naming the argument and its value.

    Examples
    --------
    >>> digits(size=16, test=100)
    <Images 'digits': 1697 to train on, 100 to test on, 16 x 16>

    Source: E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits,
    UCI Machine Learning Repository (its test set); R. Keys (1981), Cubic convolution
    interpolation for digital image processing, eq. 15.
    """
    from sklearn.datasets import load_digits

    check_whole("size", size, 12, 128)
    check_whole("test", test, 10, 1787)
    check_whole("seed", seed, 0)
    small, labels = load_digits(return_X_y=True)
    images = _enlarged(small.reshape(-1, 8, 8).astype(np.int64), size)
    labels = labels.astype(np.int64)
    held_out = _stratified(labels, test, seed)
    return Images(
        images[~held_out], labels[~held_out], images[held_out], labels[held_out], "digits"
    )


def _enlarged(small, size):
    """Pictures (n, 8, 8) of whole numbers 0..16 as float32 (n, size, size) in [0, 1]."""
    box = size * 5 // 7
    weights, denominator = _interpolation(8, box)
    large = np.einsum("yi,nij,xj->nyx", weights, small, weights, optimize=True)
    large = np.clip(large, 0, 16 * denominator**2)  # cubic curves swing over
    # The only rounding: a division in float64 and a cast, which all machines do alike.
    values = (large / (16 * denominator**2)).astype(np.float32)
    margin = size - box
    images = np.zeros((len(small), size, size), np.float32)
    top, left = (_offset(large, axis, size, margin) for axis in (1, 2))
    for image, value, y, x in zip(images, values, top, left):
        image[y : y + box, x : x + box] = value
    return images


def _interpolation(old, new):
    """Weights (new, old) of Keys's cubic interpolation, as whole numbers; their sum per row."""
    # Pixel k is centred at (2k + 1) / (2 new) of the width, which is (u − new) / (2 new)
    # in units of old pixels, with u = (2k + 1) old: t of them past pixel i.
    unit = 2 * new
    weights = np.zeros((new, old), np.int64)
    for k in range(new):
        i, t = divmod((2 * k + 1) * old - new, unit)
        # Keys's four weights, (−t + 2t² − t³)/2 and so on, times 2 unit³.
        four = (
            -t * unit**2 + 2 * t**2 * unit - t**3,
            2 * unit**3 - 5 * t**2 * unit + 3 * t**3,
            t * unit**2 + 4 * t**2 * unit - 3 * t**3,
            -(t**2) * unit + t**3,
        )
        for j, weight in zip(range(i - 1, i + 3), four):
            weights[k, min(max(j, 0), old - 1)] += weight  # the edge goes on outside
    return weights, 2 * unit**3


def _offset(large, axis, size, margin):
    """Where each square begins, so that its centre of mass comes to the middle of the field."""
    profile = large.sum(axis=3 - axis) >> 16  # small enough to be summed; the same everywhere
    box = profile.shape[1]
    # The mean of (2k + 1) is twice the centre; rounded to the nearest whole offset.
    moment, mass = profile @ (2 * np.arange(box) + 1), profile.sum(axis=1)
    return np.clip((mass * (size + 1) - moment) // (2 * mass), 0, margin)


def _stratified(labels, count, seed):
    """A mask of `count` of the labels, of each kind its share; the largest remainders round up."""
    kinds, sizes = np.unique(labels, return_counts=True)
    shares, remainders = np.divmod(sizes * count, len(labels))
    extra = sorted(range(len(kinds)), key=lambda k: (-remainders[k], k))[: count - shares.sum()]
    shares[extra] += 1
    random = Random(seed).random
    # Sorted by random numbers: `random` is the one method that Python promises to keep.
    order = sorted(range(len(labels)), key=[random() for _ in labels].__getitem__)
    chosen = np.zeros(len(labels), bool)
    for kind, share in zip(kinds, shares):
        chosen[[i for i in order if labels[i] == kind][:share]] = True
    return chosen


_MNIST = {
    "train_images": PublishedFile(
        "train-images-idx3-ubyte.gz", 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"
    ),
    "train_labels": PublishedFile(
        "train-labels-idx1-ubyte.gz", 28_881, "d53e105ee54ea40749a09fcbcd1e9432"
    ),
    "test_images": PublishedFile(
        "t10k-images-idx3-ubyte.gz", 1_648_877, "9fb629c4189551a2d022fa330f9573f3"
    ),
    "test_labels": PublishedFile(
        "t10k-labels-idx1-ubyte.gz", 4_542, "ec29112dd5afa0611ce80d1b7f02629c"
    ),
}
_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)


def mnist(directory=None, base_url=None, progress=True):
    """MNIST: 70,000 handwritten digits of 28 x 28 pixels, fetched at the first call (11 MB).

    Parameters
    ----------
    directory : str or path, optional
        Where the four files are, or are to be put, as they were published or unpacked
        (without .gz).  Default: the environment variable ADAM_COURSE_DATA, or else the
        operating system's place for caches.
    base_url : str, optional
        The address of a directory that has the files, in place of the public mirrors: for
        a class, `python -m http.server` in the directory of one machine is enough.
        Default: the environment variable ADAM_COURSE_MIRROR, if there is one.
    progress : bool
        Show progress bars.

    Returns
    -------
    Images
        60,000 to train on, 10,000 to test on.

    Raises
    ------
    OSError
        If a file cannot be fetched, with what every address answered.
    ValueError
        If an argument or a file is not what it should be.

    Examples
    --------
    >>> mnist(base_url="a USB stick")
    Traceback (most recent call last):
    ValueError: base_url must be an address with http:// or https://, got 'a USB stick'

    Source: Y. LeCun, C. Cortes and C. J. C. Burges, The MNIST database of handwritten digits.
    """
    mirrors = addresses(base_url, _MNIST_MIRRORS)
    paths = {
        part: _as_published_or_unpacked(file, mirrors, directory, progress)
        for part, file in _MNIST.items()
    }
    arrays = {}
    for part, path in paths.items():
        shape = (28, 28) if part.endswith("images") else ()
        arrays[part] = read_idx(path, shape)
        if part.endswith("labels"):
            labels = arrays[part] = arrays[part].astype(np.int64)
            images = arrays[part.replace("labels", "images")]
            if len(labels) != len(images):
                raise ValueError(f"{path} has {len(labels)} labels for {len(images)} pictures")
            if labels.max() > 9:
                raise ValueError(f"{path} must have labels from 0 to 9, got {labels.max()}")
    for part in ("train_images", "test_images"):
        arrays[part] = np.divide(arrays[part], 255, dtype=np.float32)
    return Images(**arrays, name="mnist")


def _as_published_or_unpacked(file, mirrors, directory, progress):
    unpacked = data_directory(directory) / file.name.removesuffix(".gz")
    if unpacked.exists() and not unpacked.with_name(file.name).exists():
        return unpacked
    return fetch(file, mirrors, directory=directory, progress=progress)


# ---------------------------------------------------------------------- texts


def reviews(train=2000, test=1000, seed=0, *, negated=0.25, contrasted=0.35):
    """Film reviews that a program generates: nobody wrote them, and no film was seen.

    Whether one is positive follows a rule that reads its words in their order: "not" and
    its kin turn the next judgement round, what "although" introduces does not count, and
    of the judgements left the last decides, also after "but".  A model that counts words
    therefore fails.  The words, about 1000, follow Zipf's law: most are rare, also among
    those that judge.  See `adam_course.reviews.corpus` for the rule in full.

    To learn to read them a plain RNN needs several thousand.  With the default 2000 it
    learns the training reviews by heart and stays near chance on the others; with 8000, as
    in chapter 12, it is right on nine in ten of them.

    Parameters
    ----------
    train, test : int, at least 1; default 2000 and 1000
        How many reviews: different ones, half of them positive.
    seed : int, at least 0; default 0
        The same on every machine.  The test reviews are the same whatever `train` is.
    negated : float, in [0, 1]; default 0.25
        The share of judgements that are negated.
    contrasted : float, in [0, 1]; default 0.35
        The share of reviews that judge both ways.  With `negated` and this at 0, counting
        words is enough.

    Returns
    -------
    Texts
        Reviews of 5 to 40 words; no word is unknown.

    Raises
    ------
    ValueError
        Naming the argument and its value.

    Examples
    --------
    >>> texts = reviews()
    >>> texts.decode(texts.train_tokens[1]), int(texts.train_labels[1])
    ('the script is very good in the first half', 1)
    """
    parts = corpus(train, test, seed, negated=negated, contrasted=contrasted)
    train_texts, train_labels, test_texts, test_labels = parts
    words = _by_frequency(train_texts)
    # Every word of the grammar has its number, also one that training does not show.
    words += sorted(WORDS.difference(words))
    return _texts("reviews", words, LONGEST, train_texts, train_labels, test_texts, test_labels)


_IMDB = PublishedFile("aclImdb_v1.tar.gz", 84_125_825, "7c2ac02c03563afcf9b574c7e56c153a")
_IMDB_MIRRORS = ("https://ai.stanford.edu/~amaas/data/sentiment/",)
_IMDB_MEMBER = re.compile(r"(?:\./)?aclImdb/(train|test)/(neg|pos)/(\d+)_(\d+)\.txt")
# The reviews in each of the four directories.
_IMDB_COUNT = 12_500
# Well above what the archive has, and well below what could hurt.
_IMDB_LIMITS = {"most_members": 200_000, "most_bytes": 2**30, "largest": 2**27}


def imdb(directory=None, base_url=None, progress=True, vocabulary=10_000, length=200):
    """IMDb: 50,000 film reviews that people wrote, fetched at the first call (80 MB).

    The words are taken in lower case, without punctuation and line breaks.

    Parameters
    ----------
    directory : str or path, optional
        Where aclImdb_v1.tar.gz is, or is to be put; or where it was unpacked to.  See
        `mnist` for the default.
    base_url : str, optional
        The address of a directory that has the archive.  See `mnist`.
    progress : bool
        Show progress bars.
    vocabulary : int, at least 3; default 10,000
        How many words have a number of their own, "<pad>" and "<unk>" included: the most
        frequent ones in the training texts, and of equally frequent ones the first in the
        alphabet.
    length : int, at least 1; default 200
        How many words of a review are kept.

    Returns
    -------
    Texts
        25,000 to train on, 25,000 to test on.  It is kept beside the archive, so that the
        second call takes a second.

    Raises
    ------
    OSError
        If the archive cannot be fetched, with what every address answered.
    ValueError
        If an argument, the archive, or the unpacked directory is not what it should be.

    Examples
    --------
    >>> imdb(length=0)
    Traceback (most recent call last):
    ValueError: length must be a whole number of at least 1, got 0

    Source: A. L. Maas et al. (2011), Learning Word Vectors for Sentiment Analysis, ACL.
    """
    check_whole("vocabulary", vocabulary, 3)
    check_whole("length", length, 1)
    mirrors = addresses(base_url, _IMDB_MIRRORS)
    folder = data_directory(directory)
    unpacked = None if (folder / _IMDB.name).exists() else _unpacked(folder)
    source = _listing(unpacked) if unpacked else _IMDB.md5
    # The 1 is the version: of how words are taken, counted and kept.
    key = hashlib.sha256(f"1 {source}".encode()).hexdigest()[:16]
    kept = folder / f"imdb-{vocabulary}-{length}-{key}.npz"
    if (texts := _load(kept)) is not None:
        return texts
    if unpacked:
        files = _bar(list(_review_files(unpacked)), "reading", progress)
        contents = {
            f"aclImdb/{path.relative_to(unpacked).as_posix()}": path.read_bytes() for path in files
        }
    else:
        path = fetch(_IMDB, mirrors, directory=directory, progress=progress)
        contents = read_archive(path, _IMDB_MEMBER.fullmatch, **_IMDB_LIMITS, progress=progress)
    parts = _arranged(contents, unpacked or path)
    words = _by_frequency(_bar(parts[0], "counting words", progress))
    texts = _texts("imdb", words[: vocabulary - 2], length, *parts, progress)
    _keep(texts, kept)
    return texts


def _unpacked(folder):
    """The directory that the archive unpacks to, if it is here."""
    for root in (folder / "aclImdb", folder):
        if (root / "train" / "pos").is_dir():
            return root
    return None


def _review_files(root):
    for part in ("train", "test"):
        for kind in ("neg", "pos"):
            yield from (root / part / kind).glob("*.txt")


def _listing(root):
    """A fingerprint of the unpacked reviews: names, sizes, and times of the last change."""
    entries = sorted(
        f"{path.relative_to(root).as_posix()} {stat.st_size} {stat.st_mtime_ns}"
        for path in _review_files(root)
        for stat in [path.stat()]
    )
    return hashlib.sha256("\n".join(entries).encode()).hexdigest()


def _arranged(contents, source):
    """Texts and labels of both parts, in the order of their numbers."""
    found = {(part, kind): [] for part in ("train", "test") for kind in ("neg", "pos")}
    for name, content in contents.items():
        if not (match := _IMDB_MEMBER.fullmatch(name)):
            continue
        part, kind, number, rating = match.groups()
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{name} in {source} is not a text in UTF-8: {error}") from error
        found[part, kind].append((int(number), int(rating), text))
    for (part, kind), entries in found.items():
        if len(entries) != _IMDB_COUNT:
            raise ValueError(
                f"{source} has {len(entries)} reviews in {part}/{kind}, not {_IMDB_COUNT}: "
                "move it away, and the next call fetches the archive"
            )
    parts = []
    for part in ("train", "test"):
        # Number by number, so that the two kinds take turns.
        ordered = sorted(
            (number, label, rating, text)
            for label, kind in enumerate(("neg", "pos"))
            for number, rating, text in found[part, kind]
        )
        parts += [[text for *_, text in ordered], [label for _, label, *_ in ordered]]
    return parts


_BREAK = re.compile(r"<br\s*/?>")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def _words(text):
    """The words of a text: letters and digits, with apostrophes inside; in lower case."""
    return _WORD.findall(_BREAK.sub(" ", text.lower().replace("’", "'")))


def _by_frequency(texts):
    """All words of texts, the most frequent first; equally frequent ones by the alphabet."""
    counts = Counter()
    for text in texts:
        counts.update(_words(text))
    return sorted(counts, key=lambda word: (-counts[word], word))


def _encoded(texts, index, length, progress=False):
    """Texts as rows of numbers of words, and how many words of each were kept."""
    tokens = np.zeros((len(texts), length), np.int64)
    lengths = np.empty(len(texts), np.int64)
    for i, text in enumerate(_bar(texts, "numbering words", progress)):
        # At least one, so that every text has a last word.
        row = [index.get(word, 1) for word in _words(text)[:length]] or [1]
        tokens[i, : len(row)] = row
        lengths[i] = len(row)
    return tokens, lengths


def _texts(name, words, length, train_texts, train_labels, test_texts, test_labels, progress=False):
    vocabulary = ("<pad>", "<unk>", *words)
    index = {word: i for i, word in enumerate(vocabulary)}
    return Texts(
        *_encoded(train_texts, index, length, progress),
        np.array(train_labels, np.int64),
        *_encoded(test_texts, index, length, progress),
        np.array(test_labels, np.int64),
        vocabulary,
        name,
    )


_ARRAYS = [
    f"{part}_{kind}" for part in ("train", "test") for kind in ("tokens", "lengths", "labels")
]


def _keep(texts, path):
    """Write texts in numbers to a file, if that is possible: it only saves time."""
    small = np.min_scalar_type(max(len(texts.vocabulary), texts.length))
    arrays = {name: getattr(texts, name).astype(small) for name in _ARRAYS}
    try:
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, vocabulary=np.array(texts.vocabulary), **arrays)
    except OSError:
        pass  # a directory that is read-only, or full


def _load(path):
    """What `_keep` wrote; None if it is not there or damaged."""
    try:
        # Opened here, because NumPy leaves a file open that it cannot read.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as kept:
            arrays = {name: kept[name].astype(np.int64) for name in _ARRAYS}
            return Texts(**arrays, vocabulary=tuple(kept["vocabulary"].tolist()), name="imdb")
    except Exception:  # whatever is wrong with it, it can be made anew
        return None


def _bar(texts, what, progress):
    """The texts, one by one, with a progress bar if there is to be one."""
    if not progress:
        return texts
    from tqdm.auto import tqdm

    return tqdm(texts, desc=what, unit="text", leave=False)
