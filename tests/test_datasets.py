"""The four data sets are two types, true to their formats, whole, and quick the second time."""

import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from mirror import cut_off, idx, only_loopback, published, serving, status

from adam_course import datasets
from adam_course.datasets import Images, Texts, digits, imdb, mnist, reviews
from adam_course.reviews import LONGEST, NEGATIVE, POSITIVE, WORDS, corpus

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def loopback(monkeypatch, tmp_path):
    with only_loopback(monkeypatch, tmp_path / "cache") as attempts:
        yield attempts


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def arrays(data):
    """All arrays of a data set."""
    return {name: value for name, value in vars(data).items() if isinstance(value, np.ndarray)}


def assert_same(one, other):
    assert one.name == other.name
    assert arrays(one).keys() == arrays(other).keys()
    for name, array in arrays(one).items():
        np.testing.assert_array_equal(array, arrays(other)[name])
    assert getattr(one, "vocabulary", None) == getattr(other, "vocabulary", None)


# ------------------------------------------------------------------------ digits


@pytest.fixture(scope="module")
def usual():
    return digits()


@pytest.fixture(scope="module")
def small():
    """scikit-learn's own pictures (1797, 8, 8) and labels."""
    from sklearn.datasets import load_digits

    pictures, labels = load_digits(return_X_y=True)
    return pictures.reshape(-1, 8, 8), labels


def test_digits_are_of_the_form_of_mnist(usual):
    assert usual.train_images.shape == (1437, 28, 28)
    assert usual.test_images.shape == (360, 28, 28)
    for part in (usual.train_images, usual.test_images):
        assert part.dtype == np.float32
        assert part.min() == 0
        assert part.max() == 1
    assert usual.train_labels.dtype == usual.test_labels.dtype == np.int64
    assert usual.name == "digits"


def test_every_digit_of_scikit_learn_is_there_once_with_its_label(usual, small):
    pictures, labels = small
    np.testing.assert_array_equal(
        np.bincount(usual.train_labels) + np.bincount(usual.test_labels), np.bincount(labels)
    )
    # They are as bright as they were, all but what was cut at 0 and 1.
    before = np.sort(pictures.mean(axis=(1, 2)) / 16) * 64
    after = np.concatenate([usual.train_images, usual.test_images]).sum(axis=(1, 2))
    np.testing.assert_allclose(np.sort(after) / 6.25, before, rtol=0.08)


def test_at_size_12_a_digit_is_scikit_learns_own_moved_to_the_middle(small):
    """The square is of 8 x 8 then, and interpolation in it changes nothing."""
    pictures, labels = small
    images = digits(size=12)
    held_out = datasets._stratified(labels, 360, 0)
    for part, mask in ((images.train_images, ~held_out), (images.test_images, held_out)):
        for image, picture in zip(part, pictures[mask]):
            places = [
                (y, x) for y in range(5) for x in range(5)
                if (image[y : y + 8, x : x + 8] == picture / 16).all()
            ]  # fmt: skip
            assert places
            assert image.sum() == pytest.approx(picture.sum() / 16)
    np.testing.assert_array_equal(images.test_labels, labels[held_out])
    np.testing.assert_array_equal(images.train_labels, labels[~held_out])


@pytest.mark.parametrize("size", [14, 28, 45, 96])
def test_enlarging_is_the_cubic_interpolation_of_another_library(small, size):
    """Pillow's, with the same a = −1/2; it treats the edge in another way."""
    from PIL import Image

    box = size * 5 // 7
    weights, whole = datasets._interpolation(8, box)
    assert (weights.sum(axis=1) == whole).all()
    inner = slice(-(-box // 4), box - -(-box // 4))
    for picture in small[0][::100]:
        ours = (weights @ picture @ weights.T) / whole**2
        theirs = np.asarray(
            Image.fromarray(picture.astype(np.float32)).resize((box, box), Image.Resampling.BICUBIC)
        )
        np.testing.assert_allclose(ours[inner, inner], theirs[inner, inner], atol=1e-4)
        assert np.ptp(ours[inner, inner]) > 5


def test_interpolation_keeps_what_is_constant_and_what_is_straight():
    """Keys's method is exact for polynomials of the second degree, away from the edge."""
    for new in (8, 11, 20, 57):
        weights, whole = datasets._interpolation(8, new)
        weights = weights / whole
        centre = (np.arange(new) + 0.5) * 8 / new - 0.5
        inner = (centre >= 1) & (centre <= 6)
        assert inner.sum() > new / 2
        for power in (0, 1, 2):
            curve = weights @ np.arange(8.0) ** power
            np.testing.assert_allclose(curve[inner], centre[inner] ** power, atol=1e-12)
        np.testing.assert_allclose(weights @ np.ones(8), 1, atol=1e-15)


@pytest.mark.parametrize("size", [28, 41])
def test_the_centre_of_mass_is_in_the_middle_as_near_as_whole_pixels_allow(size):
    images = digits(size=size)
    pictures = np.concatenate([images.train_images, images.test_images]).astype(float)
    box = size * 5 // 7
    middle = np.arange(size) - (size - 1) / 2
    for axis in (1, 2):
        profile = pictures.sum(axis=3 - axis)
        centre = (profile @ middle) / profile.sum(axis=1)
        first = (profile > 0).argmax(axis=1)
        last = size - 1 - (profile[:, ::-1] > 0).argmax(axis=1)
        assert (last - first < box).all(), "no stroke is cut, and none wraps around"
        # Half a pixel for the whole pixels, and a little for values below 0 and above 1.
        assert (abs(centre) < 0.51).mean() > 0.97
        assert abs(centre).max() < 2


@pytest.mark.parametrize("corner", [(0, 0), (0, 7), (7, 0), (7, 7)])
def test_what_lies_at_the_edge_of_its_square_is_not_lost(corner):
    """Mass in one corner goes towards the middle as far as the square stays in the field."""
    picture = np.zeros((1, 8, 8), np.int64)
    picture[0][corner] = 16
    image = datasets._enlarged(picture, 28)[0]
    # The square of 20 moves by its margin of 8, so that the corner comes to pixel 8 or 19.
    y, x = (8 if where == 0 else 19 for where in corner)
    assert image[y, x] == image.max() == 1
    inside = image[8:20, 8:20]
    assert 0 < np.count_nonzero(inside) == np.count_nonzero(image) < 30


# The SHA-256 of all bytes of digits(), computed once.
DIGITS = "fa4efa9e0d4e6b0b4a2924c194a06f41a9748a97005d44be034381dd6168fb9a"


def test_digits_are_the_same_on_every_machine_bit_for_bit(usual):
    digest = hashlib.sha256()
    for array in arrays(usual).values():
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    assert digest.hexdigest() == DIGITS


def test_the_values_are_exact_fractions_rounded_once(small):
    """Whole numbers until the last division, so no processor can differ."""
    from fractions import Fraction

    weights, whole = datasets._interpolation(8, 20)
    picture = small[0][0].astype(np.int64)
    image = datasets._enlarged(picture[None], 28)[0]
    y0, x0 = (np.flatnonzero(image.sum(axis=k))[0] for k in (1, 0))
    exact = weights.astype(object) @ picture.astype(object) @ weights.T.astype(object)
    exact = np.clip(exact, 0, 16 * whole**2)
    top, left = (np.flatnonzero(exact.sum(axis=k) > 0)[0] for k in (1, 0))
    checked = 0
    for y in range(top, 20):
        for x in range(left, 20):
            value = float(Fraction(int(exact[y, x]), 16 * whole**2))
            assert image[y - top + y0, x - left + x0] == np.float32(value)
            checked += 0 < value < 1
    assert checked > 50


@pytest.mark.parametrize(("test", "seed"), [(360, 0), (360, 5), (10, 0), (1787, 0), (899, 3)])
def test_the_split_is_stratified(small, test, seed):
    images = digits(size=12, test=test, seed=seed)
    assert len(images.test_labels) == test
    assert len(images.train_labels) == 1797 - test
    share = np.bincount(small[1]) * test / 1797
    rounded = np.bincount(images.test_labels, minlength=10) - share
    assert (abs(rounded) < 1).all()
    up, down = rounded > 0, rounded < 0
    if up.any() and down.any():
        assert (share % 1)[up].min() >= (share % 1)[down].max(), "the largest remainders"
    assert len(set(images.train_labels.tolist())) == len(set(images.test_labels.tolist())) == 10


def test_the_split_is_fixed_by_its_seed_and_another_seed_is_another(usual):
    assert_same(digits(), usual)
    other = digits(seed=1)
    assert (other.test_images != usual.test_images).any()
    # The whole is the same: only the split differs.
    key = lambda images: sorted(  # noqa: E731
        picture.tobytes() for picture in np.concatenate([images.train_images, images.test_images])
    )
    assert key(other) == key(usual)


def test_nobody_can_damage_the_next_digits(usual):
    mine = digits(size=12)
    mine.train_images[:] = 0
    mine.train_labels[:] = 0
    assert digits(size=12).train_images.any()


def test_digits_can_be_learned():
    """By the nearest neighbour: the pictures and the labels still belong together."""
    from sklearn.neighbors import KNeighborsClassifier

    images = digits()
    model = KNeighborsClassifier(1).fit(images.train_images.reshape(1437, -1), images.train_labels)
    assert model.score(images.test_images.reshape(360, -1), images.test_labels) > 0.97


BAD_DIGITS = {
    "size": [11, 129, 28.0, "28", True, None],
    "test": [9, 1788, 0.2, False],
    "seed": [-1, 0.5, None, True],
}


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, values in BAD_DIGITS.items() for v in values]
)
def test_a_bad_argument_of_digits_is_refused_by_name_and_value(name, value):
    with pytest.raises(ValueError, match=rf"^{name} must be a whole number") as error:
        digits(**{name: value})
    assert str(error.value).endswith(f"got {value!r}")


# ------------------------------------------------------------------------- MNIST


def pictures(n, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 28, 28)).astype(np.uint8)


def numbers(n, seed):
    return np.random.default_rng(seed).permutation(np.arange(n) % 10).astype(np.uint8)


RAW = {
    "train_images": pictures(30, 0),
    "train_labels": numbers(30, 1),
    "test_images": pictures(20, 2),
    "test_labels": numbers(20, 3),
}
NAMES = {part: file.name for part, file in datasets._MNIST.items()}


def files_of(raw):
    return {NAMES[part]: gzip.compress(idx(array)) for part, array in raw.items()}


FILES = files_of(RAW)


def publish(monkeypatch, files, mirrors=()):
    """Pretend that these are the published files of MNIST."""
    table = {part: published(name, files[name]) for part, name in NAMES.items()}
    monkeypatch.setattr(datasets, "_MNIST", table)
    monkeypatch.setattr(datasets, "_MNIST_MIRRORS", tuple(mirrors))


def assert_is_raw(images):
    assert isinstance(images, Images)
    assert images.name == "mnist"
    for part in ("train", "test"):
        raw, got = RAW[f"{part}_images"], getattr(images, f"{part}_images")
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, (raw / 255).astype(np.float32))
        labels = getattr(images, f"{part}_labels")
        assert labels.dtype == np.int64
        np.testing.assert_array_equal(labels, RAW[f"{part}_labels"])


def test_mnist_is_fetched_once_and_then_needs_no_network(monkeypatch, cache):
    with serving(FILES) as server:
        publish(monkeypatch, FILES, [server.url])
        assert_is_raw(mnist(progress=False))
        assert sorted(server.requests) == sorted(FILES)
    assert names(cache) == sorted(FILES)
    assert_is_raw(mnist(progress=False))


def test_mnist_goes_from_mirror_to_mirror_file_by_file(monkeypatch, cache):
    first, *others = FILES
    half = {first: FILES[first]} | {name: status(404) for name in others}
    with serving({}) as none, serving(half) as some, serving(FILES) as all_of_it:
        publish(monkeypatch, FILES, [none.url, some.url, all_of_it.url])
        assert_is_raw(mnist(progress=False))
        assert sorted(none.requests) == sorted(FILES)
        assert sorted(all_of_it.requests) == sorted(others)


def test_mnist_from_an_address_of_ones_own(monkeypatch, tmp_path):
    publish(monkeypatch, FILES)
    with serving(FILES) as server:
        assert_is_raw(mnist(tmp_path / "here", base_url=server.url, progress=False))
        assert names(tmp_path / "here") == sorted(FILES)
        monkeypatch.setenv("ADAM_COURSE_MIRROR", server.url)
        assert_is_raw(mnist(progress=False))
    assert len(server.requests) == 8


def test_mnist_recovers_from_a_download_that_was_cut_off(monkeypatch, cache):
    last = list(FILES)[-1]
    with serving({**FILES, last: cut_off(FILES[last])}) as server:
        publish(monkeypatch, FILES, [server.url])
        with pytest.raises(OSError, match=f"^{re.escape(last)} cannot be fetched"):
            mnist(progress=False)
        assert names(cache) == sorted(set(FILES) - {last})
        server.answers[last] = FILES[last]
        assert_is_raw(mnist(progress=False))
    assert server.requests == [*FILES, last], "what was there is not fetched again"


def test_mnist_is_read_from_unpacked_files_without_network(monkeypatch, tmp_path):
    publish(monkeypatch, FILES)
    for name, content in FILES.items():
        (tmp_path / name.removesuffix(".gz")).write_bytes(gzip.decompress(content))
    assert_is_raw(mnist(tmp_path, progress=False))
    # And from a mixture.
    first = next(iter(FILES))
    (tmp_path / first.removesuffix(".gz")).unlink()
    (tmp_path / first).write_bytes(FILES[first])
    assert_is_raw(mnist(tmp_path, progress=False))


def test_where_both_are_there_the_one_with_the_checksum_counts(monkeypatch, tmp_path):
    publish(monkeypatch, FILES)
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name.removesuffix(".gz")).write_bytes(b"something else")
    assert_is_raw(mnist(tmp_path, progress=False))


def other_labels(labels):
    return files_of(RAW | {"test_labels": labels})


BAD_MNIST = {
    "fewer labels": (other_labels(RAW["test_labels"][:-1]), "has 19 labels for 20 pictures"),
    "more labels": (other_labels(numbers(21, 3)), "has 21 labels for 20 pictures"),
    "a label of 10": (other_labels(RAW["test_labels"] + 1), "labels from 0 to 9, got 10"),
    "no labels": (other_labels(RAW["test_labels"][:0]), "n at least 1"),
    "pictures for labels": (other_labels(RAW["test_images"]), "begins with 00 00 08 03"),
    "pictures of 27 x 28": (
        files_of(RAW | {"test_images": RAW["test_images"][:, 1:].copy()}),
        r"shape \(20, 27, 28\), not \(n, 28, 28\)",
    ),
}


@pytest.mark.parametrize("what", BAD_MNIST)
def test_files_that_do_not_fit_are_refused_though_their_checksums_are_right(
    monkeypatch, tmp_path, what
):
    files, words = BAD_MNIST[what]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    publish(monkeypatch, files)
    with pytest.raises(ValueError, match=words) as error:
        mnist(tmp_path, progress=False)
    assert str(tmp_path / "t10k") in str(error.value)


def test_an_unpacked_file_that_is_damaged_is_refused(monkeypatch, tmp_path):
    publish(monkeypatch, FILES)
    for name, content in FILES.items():
        (tmp_path / name.removesuffix(".gz")).write_bytes(gzip.decompress(content)[:-1])
    with pytest.raises(ValueError, match="ends after"):
        mnist(tmp_path, progress=False)


def test_the_table_of_mnist_is_of_the_published_form():
    assert list(datasets._MNIST) == ["train_images", "train_labels", "test_images", "test_labels"]
    for part, file in datasets._MNIST.items():
        kind, dimensions = ("images", 3) if part.endswith("images") else ("labels", 1)
        prefix = "train" if part.startswith("train") else "t10k"
        assert file.name == f"{prefix}-{kind}-idx{dimensions}-ubyte.gz"
        assert re.fullmatch("[0-9a-f]{32}", file.md5)
        # Compressed they are smaller than their pixels or labels, but not by much more than 5.
        raw = {"train": 60_000, "t10k": 10_000}[prefix] * (784 if kind == "images" else 1)
        assert raw / 6 < file.size < raw
    assert len({file.md5 for file in datasets._MNIST.values()}) == 4
    hosts = [urlsplit(url).hostname for url in datasets._MNIST_MIRRORS]
    assert hosts == ["ossci-datasets.s3.amazonaws.com", "storage.googleapis.com", "yann.lecun.com"]
    assert all(url.endswith("/") for url in datasets._MNIST_MIRRORS)


# -------------------------------------------------------------------------- IMDb

STORY = {
    ("train", "pos"): ["A good, GOOD film!<br /><br />Don't miss it.", "Not bad... it's good"],
    ("train", "neg"): ["bad, bad film; 10/10 for the popcorn", "It was dull.<br/>Was it? It was."],
    ("test", "pos"): ["good zebra", "!!!"],
    ("test", "neg"): ["bad film " * 5, "La caméra l’adore"],
}
COUNT = 2


def reviews_by_name(story=STORY):
    """The files of the archive, by their true names."""
    files = {}
    for (part, kind), texts in story.items():
        for number, text in enumerate(texts):
            rating = 7 + number % 4 if kind == "pos" else 1 + number % 4
            files[f"aclImdb/{part}/{kind}/{number}_{rating}.txt"] = text.encode()
    return files


def archive_of(files):
    """A tar.gz of files as the published one is: with directories, and with more in it."""
    others = {
        "aclImdb/README": b"Large Movie Review Dataset v1.0",
        "aclImdb/imdb.vocab": b"the\nand\n",
        "aclImdb/train/unsup/0_0.txt": b"no label, and never read",
        "aclImdb/train/urls_pos.txt": b"http://example.org\n",
        "aclImdb/train/labeledBow.feat": b"9 0:9 1:1\n",
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in ("aclImdb", "aclImdb/train", "aclImdb/train/pos"):
            directory = tarfile.TarInfo(name)
            directory.type = tarfile.DIRTYPE
            archive.addfile(directory)
        # In no order, as the published archive has none.
        for name, content in sorted({**files, **others}.items(), key=lambda one: one[0][::-1]):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


ARCHIVE = archive_of(reviews_by_name())


@pytest.fixture
def imdb_published(monkeypatch):
    """Pretend that an archive is the published one, in whole; a function of its bytes."""

    def publish(archive=ARCHIVE, mirrors=(), count=COUNT):
        monkeypatch.setattr(datasets, "_IMDB", published("aclImdb_v1.tar.gz", archive))
        monkeypatch.setattr(datasets, "_IMDB_MIRRORS", tuple(mirrors))
        monkeypatch.setattr(datasets, "_IMDB_COUNT", count)

    publish()
    return publish


def put(folder, archive=ARCHIVE):
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "aclImdb_v1.tar.gz").write_bytes(archive)
    return folder


def unpack(folder):
    for name, content in reviews_by_name().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def by_words(texts):
    """Each review as (part, label, words), in their order."""
    return [
        (part, int(label), texts.decode(row))
        for part in ("train", "test")
        for row, label in zip(getattr(texts, f"{part}_tokens"), getattr(texts, f"{part}_labels"))
    ]


def test_imdb_reads_words_as_it_says(imdb_published, tmp_path):
    texts = imdb(put(tmp_path), progress=False)
    assert isinstance(texts, Texts)
    assert texts.name == "imdb"
    assert by_words(texts) == [
        ("train", 0, "bad bad film 10 10 for the popcorn"),
        ("train", 1, "a good good film don't miss it"),
        ("train", 0, "it was dull was it it was"),
        ("train", 1, "not bad it's good"),
        ("test", 0, "bad film bad film bad film bad film bad film"),
        ("test", 1, "good <unk>"),
        ("test", 0, "<unk> <unk> <unk>"),
        ("test", 1, "<unk>"),
    ]
    assert texts.train_lengths.tolist() == [8, 7, 7, 4]
    assert texts.test_lengths.tolist() == [10, 2, 3, 1]
    assert texts.train_tokens.shape == (4, 200)


def test_imdb_counts_words_in_the_training_texts_alone_and_breaks_ties_by_the_alphabet(
    imdb_published, tmp_path
):
    texts = imdb(put(tmp_path), progress=False)
    words = [word for part, _, text in by_words(texts) if part == "train" for word in text.split()]
    counts = Counter(words)
    expected = sorted(counts, key=lambda word: (-counts[word], word))
    assert texts.vocabulary == ("<pad>", "<unk>", *expected)
    assert texts.vocabulary[2:8] == ("it", "bad", "good", "was", "10", "film")
    assert "zebra" not in texts.vocabulary


def test_imdb_keeps_the_most_frequent_words_and_the_first_of_each_review(imdb_published, tmp_path):
    texts = imdb(put(tmp_path), progress=False, vocabulary=5, length=6)
    assert texts.vocabulary == ("<pad>", "<unk>", "it", "bad", "good")
    assert texts.train_tokens.shape == (4, 6)
    assert texts.decode(texts.train_tokens[0]) == "bad bad <unk> <unk> <unk> <unk>"
    assert texts.train_lengths.tolist() == [6, 6, 6, 4]
    assert texts.train_tokens.max() == 4


def test_imdb_numbers_reviews_by_their_number_not_as_text(imdb_published, tmp_path):
    story = {key: [f"{kind} {i}" for i in range(12)] for key in STORY for kind in key[1:]}
    archive = archive_of(reviews_by_name(story))
    imdb_published(archive, count=12)
    texts = imdb(put(tmp_path, archive), progress=False)
    expected = [f"{kind} {i}" for i in range(12) for kind in ("neg", "pos")]
    assert [text for part, _, text in by_words(texts) if part == "test"] == expected
    assert texts.train_labels.tolist() == [0, 1] * 12


def test_imdb_is_fetched_once_and_then_needs_neither_network_nor_archive(imdb_published, cache):
    with serving({"aclImdb_v1.tar.gz": ARCHIVE}) as server:
        imdb_published(mirrors=[server.url])
        first = imdb(progress=False)
        assert server.requests == ["aclImdb_v1.tar.gz"]
    assert len(names(cache)) == 2
    (cache / "aclImdb_v1.tar.gz").unlink()
    assert_same(imdb(progress=False), first)


def test_the_second_call_reads_what_was_kept_and_no_archive(imdb_published, monkeypatch, tmp_path):
    first = imdb(put(tmp_path), progress=False)

    def never(*args, **kwargs):
        raise AssertionError("read again")

    with monkeypatch.context() as patched:
        for name in ("fetch", "read_archive", "_words"):
            patched.setattr(datasets, name, never)
        second = imdb(tmp_path, progress=False)
        for other in ({"vocabulary": 9}, {"length": 9}):
            with pytest.raises(AssertionError, match="read again"):
                imdb(tmp_path, progress=False, **other)
    assert_same(second, first)
    assert second.train_tokens.dtype == np.int64
    assert second.encode("good film")[0].tolist() == first.encode("good film")[0].tolist()


def test_each_vocabulary_and_length_is_kept_on_its_own(imdb_published, tmp_path):
    put(tmp_path)
    sizes = [(5, 6), (5, 7), (6, 6), (56, 6), (5, 66)]
    first = [imdb(tmp_path, progress=False, vocabulary=v, length=n) for v, n in sizes]
    again = [imdb(tmp_path, progress=False, vocabulary=v, length=n) for v, n in sizes]
    assert len(list(tmp_path.glob("*.npz"))) == len(sizes)
    for one, other, (v, n) in zip(first, again, sizes):
        assert_same(one, other)
        assert (len(one.vocabulary), one.length) == (min(v, 17), n)


def test_another_archive_is_not_taken_for_the_one_that_was_kept(imdb_published, tmp_path):
    imdb(put(tmp_path), progress=False)
    other = archive_of(reviews_by_name({key: texts[::-1] for key, texts in STORY.items()}))
    imdb_published(other)
    texts = imdb(put(tmp_path, other), progress=False)
    assert texts.decode(texts.train_tokens[0]) == "it was dull was it it was"


def test_what_was_kept_has_no_pickle_and_is_small(imdb_published, tmp_path):
    imdb(put(tmp_path), progress=False)
    (kept,) = tmp_path.glob("*.npz")
    with np.load(kept, allow_pickle=False) as file:
        assert {file[name].dtype.kind for name in file} == {"u", "U"}
        assert file["train_tokens"].itemsize == 1


def damaged(whole):
    yield b""
    yield b"no zip"
    yield whole[: len(whole) // 2]
    for at in range(0, len(whole), len(whole) // 40):
        yield whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]


def test_what_was_kept_and_is_damaged_is_made_anew(imdb_published, tmp_path):
    first = imdb(put(tmp_path), progress=False)
    (kept,) = tmp_path.glob("*.npz")
    whole = kept.read_bytes()
    for content in damaged(whole):
        kept.write_bytes(content)
        assert_same(imdb(tmp_path, progress=False), first)


def test_what_was_kept_with_a_pickle_inside_is_not_opened(imdb_published, tmp_path):
    first = imdb(put(tmp_path), progress=False)
    (kept,) = tmp_path.glob("*.npz")
    opened = tmp_path / "opened"

    class Trap:
        def __reduce__(self):
            return opened.touch, ()

    with np.load(kept) as file:
        contents = {name: file[name] for name in file}
    contents["vocabulary"] = np.array([Trap()], dtype=object)
    np.savez(kept, **contents)
    assert_same(imdb(tmp_path, progress=False), first)
    assert not opened.exists()


def test_where_nothing_can_be_kept_imdb_works_all_the_same(imdb_published, monkeypatch, tmp_path):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert len(imdb(put(tmp_path), progress=False).train_labels) == 4
    assert names(tmp_path) == ["aclImdb_v1.tar.gz"]


def test_an_interrupt_leaves_nothing_half_kept(imdb_published, monkeypatch, tmp_path):
    def interrupted(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(np, "savez", interrupted)
        with pytest.raises(KeyboardInterrupt):
            imdb(put(tmp_path), progress=False)
    assert names(tmp_path) == ["aclImdb_v1.tar.gz"]
    assert len(imdb(tmp_path, progress=False).train_labels) == 4


@pytest.mark.parametrize("where", ["beside", "inside"])
def test_imdb_is_read_from_the_unpacked_directory_without_network(imdb_published, tmp_path, where):
    expected = imdb(put(tmp_path / "archive"), progress=False)
    folder = unpack(tmp_path / "unpacked")
    directory = folder if where == "beside" else folder / "aclImdb"
    assert_same(imdb(directory, progress=False), expected)
    assert len(list(directory.glob("*.npz"))) == 1
    assert_same(imdb(directory, progress=False), expected)


def test_a_change_in_the_unpacked_directory_is_seen(imdb_published, tmp_path):
    folder = unpack(tmp_path)
    imdb(folder, progress=False)
    (folder / "aclImdb/train/neg/0_1.txt").write_text("quite another text")
    texts = imdb(folder, progress=False)
    assert texts.decode(texts.train_tokens[0]) == "quite another text"


def test_a_directory_that_was_unpacked_in_part_is_refused(imdb_published, tmp_path):
    folder = unpack(tmp_path)
    (folder / "aclImdb/test/neg/1_2.txt").unlink()
    with pytest.raises(ValueError, match=r"has 1 reviews in test/neg, not 2: move it away"):
        imdb(folder, progress=False)
    assert not list(folder.glob("*.npz"))
    shutil.rmtree(folder / "aclImdb/test/neg")
    with pytest.raises(ValueError, match=r"has 0 reviews in test/neg, not 2"):
        imdb(folder, progress=False)


def test_an_archive_with_too_few_reviews_is_refused(imdb_published, tmp_path):
    files = reviews_by_name()
    del files["aclImdb/train/pos/1_8.txt"]
    archive = archive_of(files)
    imdb_published(archive)
    with pytest.raises(ValueError, match=r"has 1 reviews in train/pos, not 2"):
        imdb(put(tmp_path, archive), progress=False)
    assert names(tmp_path) == ["aclImdb_v1.tar.gz"]


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "aclImdb/train/pos/../../../../evil"])
def test_an_archive_that_leads_out_is_refused_and_nothing_written(imdb_published, tmp_path, name):
    archive = archive_of(reviews_by_name() | {name: b"evil"})
    imdb_published(archive)
    before = set(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="leads out of the archive"):
        imdb(put(tmp_path / "here", archive), progress=False)
    written = set(tmp_path.rglob("*")) - before
    assert {path.name for path in written} == {"here", "aclImdb_v1.tar.gz"}


def test_a_text_that_is_not_utf8_is_refused_by_its_name(imdb_published, tmp_path):
    archive = archive_of(reviews_by_name() | {"aclImdb/train/pos/0_7.txt": b"caf\xe9"})
    imdb_published(archive)
    with pytest.raises(ValueError, match=r"aclImdb/train/pos/0_7\.txt in .* is not a text in UTF"):
        imdb(put(tmp_path, archive), progress=False)


def test_limits_on_the_archive_are_kept(imdb_published, monkeypatch, tmp_path):
    for name, limit in (("most_members", 10), ("most_bytes", 5000), ("largest", 20)):
        with monkeypatch.context() as patched:
            patched.setitem(datasets._IMDB_LIMITS, name, limit)
            with pytest.raises(ValueError, match=r"more than"):
                imdb(put(tmp_path), progress=False)


def test_the_table_of_imdb_is_of_the_published_form():
    assert datasets._IMDB.name == "aclImdb_v1.tar.gz"
    assert re.fullmatch("[0-9a-f]{32}", datasets._IMDB.md5)
    assert 80e6 < datasets._IMDB.size < 90e6
    assert datasets._IMDB_COUNT * 4 == 50_000
    assert datasets._IMDB_MIRRORS == ("https://ai.stanford.edu/~amaas/data/sentiment/",)
    assert datasets._IMDB_LIMITS["most_members"] > 100_000
    assert datasets._IMDB_LIMITS["most_bytes"] > 6 * datasets._IMDB.size


def test_progress_is_shown_where_it_is_wanted(imdb_published, monkeypatch, tmp_path, capsys):
    imdb(put(tmp_path), progress=True)
    shown = capsys.readouterr().err
    for words in ("reading aclImdb_v1.tar.gz", "counting words", "numbering words"):
        assert words in shown
    imdb(tmp_path, progress=False, length=7)
    assert capsys.readouterr() == ("", "")


BAD_IMDB = {
    "vocabulary": [2, 0, -1, 10.0, "10", None, True],
    "length": [0, -1, 2.5, "200", None, True],
}


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, values in BAD_IMDB.items() for v in values]
)
def test_a_bad_argument_of_imdb_is_refused_by_name_and_value(name, value):
    with pytest.raises(ValueError, match=rf"^{name} must be a whole number of at least") as error:
        imdb(**{name: value})
    assert str(error.value).endswith(f"got {value!r}")


def test_a_bad_address_is_refused_though_nothing_is_to_be_fetched(imdb_published, tmp_path):
    imdb(put(tmp_path), progress=False)
    for name, content in FILES.items():
        (tmp_path / name.removesuffix(".gz")).write_bytes(gzip.decompress(content))
    for load in (mnist, imdb):
        with pytest.raises(ValueError, match=r"^base_url must be an address"):
            load(tmp_path, base_url="example.org")


@pytest.mark.parametrize("load", [mnist, imdb])
def test_a_bad_directory_or_address_is_refused_by_name(load):
    with pytest.raises(ValueError, match=r"^directory must be a path, got 3$"):
        load(3)
    with pytest.raises(ValueError, match=r"^base_url must be an address"):
        load(base_url="example.org")


# ----------------------------------------------------------------------- reviews


@pytest.fixture(scope="module")
def generated():
    return reviews()


def test_reviews_are_the_corpus_in_numbers(generated):
    texts, labels, test, test_labels = corpus(2000, 1000, 0, negated=0.25, contrasted=0.35)
    assert [generated.decode(row) for row in generated.train_tokens] == texts
    assert [generated.decode(row) for row in generated.test_tokens] == test
    assert generated.train_labels.tolist() == labels
    assert generated.test_labels.tolist() == test_labels
    assert generated.train_lengths.tolist() == [len(text.split()) for text in texts]
    assert generated.train_tokens.shape == (2000, LONGEST)
    assert generated.name == "reviews"


def test_the_arguments_of_reviews_reach_the_corpus():
    texts = reviews(20, 10, 3, negated=1, contrasted=0)
    expected = corpus(20, 10, 3, negated=1, contrasted=0)
    assert [texts.decode(row) for row in texts.train_tokens] == expected[0]
    with pytest.raises(ValueError, match=r"^negated must be a number in \[0, 1\], got 2$"):
        reviews(negated=2)


def test_their_vocabulary_is_by_frequency_and_has_every_word(generated):
    assert set(generated.vocabulary) == WORDS | {"<pad>", "<unk>"}
    counts = np.bincount(generated.train_tokens.ravel(), minlength=len(generated.vocabulary))[2:]
    assert (np.diff(counts) <= 0).all()
    order = [(-count, word) for count, word in zip(counts, generated.vocabulary[2:])]
    assert order == sorted(order)
    assert not (generated.test_tokens == 1).any()


def test_words_that_training_does_not_show_have_numbers_too():
    texts = reviews(train=20, test=200)
    assert set(texts.vocabulary) == WORDS | {"<pad>", "<unk>"}
    assert not (texts.test_tokens == 1).any()


def test_their_docstring_says_that_they_are_generated():
    assert "generates: nobody wrote them" in " ".join(reviews.__doc__.split())


def test_a_batch_touches_few_rows_of_an_embedding(generated):
    """The chapter on text needs sparse gradients: a batch of 50 leaves most rows alone."""
    touched = [len(np.unique(generated.train_tokens[i : i + 50])) for i in range(0, 2000, 50)]
    assert 0.2 < np.mean(touched) / len(generated.vocabulary) < 0.5
    judging = [generated.vocabulary.index(word) for word in POSITIVE | NEGATIVE]
    seen = np.array([
        np.isin(judging, generated.train_tokens[i : i + 50]).mean() for i in range(0, 2000, 50)
    ])  # fmt: skip
    assert seen.mean() < 0.35


def test_a_network_that_reads_in_order_learns_what_counting_cannot(generated):
    """An LSTM on the same 2000 reviews, of which counting words makes less than 0.75."""
    torch.manual_seed(0)
    embed = torch.nn.Embedding(len(generated.vocabulary), 32)
    lstm, out = torch.nn.LSTM(32, 64, batch_first=True), torch.nn.Linear(64, 1)
    weights = [*embed.parameters(), *lstm.parameters(), *out.parameters()]
    adam = torch.optim.Adam(weights, lr=0.01)

    def logits(tokens, lengths):
        states, _ = lstm(embed(torch.from_numpy(tokens)))
        return out(states[torch.arange(len(lengths)), torch.from_numpy(lengths) - 1])[:, 0]

    accuracy, epochs = 0.0, 0
    while accuracy < 0.85:
        epochs += 1
        assert epochs <= 20, accuracy
        for batch in torch.randperm(2000).split(50):
            batch = batch.numpy()
            z = logits(generated.train_tokens[batch], generated.train_lengths[batch])
            y = torch.from_numpy(generated.train_labels[batch]).float()
            adam.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(z, y).backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            adam.step()
        with torch.no_grad():
            said = logits(generated.test_tokens, generated.test_lengths) > 0
        accuracy = (said.numpy() == generated.test_labels).mean()
    assert epochs > 2, "it is not found in the first steps"


# ----------------------------------------------------------------- encode and decode


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The PLOT is Dull.", "the plot is dull"),
        ("good<br />plot", "good plot"),
        ("good<br>plot<br/>is", "good plot is"),
        ("not,bad!", "not bad"),
        ("a zebra", "a <unk>"),
        ("good_plot", "good plot"),
        ("", "<unk>"),
        ("?!", "<unk>"),
    ],
)
def test_a_text_is_encoded_as_the_texts_were(generated, text, words):
    tokens, length = generated.encode(text)
    assert tokens.shape == (generated.length,)
    assert tokens.dtype == np.int64
    assert length == len(words.split())
    assert generated.decode(tokens) == words
    assert (tokens[length:] == 0).all()


def test_what_was_encoded_comes_back(generated):
    for row, length in zip(generated.test_tokens[:50], generated.test_lengths):
        tokens, count = generated.encode(generated.decode(row))
        np.testing.assert_array_equal(tokens, row)
        assert count == length


def test_several_texts_are_encoded_as_each_alone(generated):
    some = ["a good plot", "dull", "the cast is not bad at all"]
    tokens, lengths = generated.encode(some)
    assert tokens.shape == (3, generated.length)
    assert lengths.dtype == np.int64
    for text, row, length in zip(some, tokens, lengths):
        alone, count = generated.encode(text)
        np.testing.assert_array_equal(row, alone)
        assert length == count


def test_a_long_text_is_cut(generated):
    tokens, length = generated.encode("good " * 100)
    assert length == generated.length == len(tokens)
    assert (tokens > 1).all()


@pytest.mark.parametrize("text", [3, None, ["good", 3], b"good", {"good"}], ids=repr)
def test_what_is_no_text_is_refused(generated, text):
    with pytest.raises(ValueError, match=r"^text must be a str or a list of str, got "):
        generated.encode(text)


def test_a_row_may_be_of_any_whole_numbers(generated):
    assert generated.decode([2, 3, 0]) == " ".join(generated.vocabulary[2:4])
    assert generated.decode(np.array([2, 1], np.uint16)) == f"{generated.vocabulary[2]} <unk>"
    assert generated.decode(torch.tensor([2, 0])) == generated.vocabulary[2]


@pytest.mark.parametrize("row", [[-1], [983], [0.5], 3, [[2, 3]], "good", []], ids=repr)
def test_what_is_no_row_is_refused(generated, row):
    with pytest.raises(ValueError, match=r"^row must be indices from 0 to 982"):
        generated.decode(row)


# --------------------------------------------------------------------- the two types


def test_they_print_in_one_line(usual, generated):
    assert repr(usual) == "<Images 'digits': 1437 to train on, 360 to test on, 28 x 28>"
    words = len(WORDS) + 2
    assert repr(generated) == (
        f"<Texts 'reviews': 2000 to train on, 1000 to test on, {words} words, length 40>"
    )


def test_torch_takes_their_arrays_as_they_are(usual, generated):
    for data in (usual, generated):
        for array in arrays(data).values():
            assert torch.from_numpy(array).shape == array.shape  # it warns of what is read-only


def test_one_line_is_changed_to_go_from_the_small_to_the_large(
    monkeypatch, imdb_published, tmp_path, usual, generated
):
    publish(monkeypatch, FILES)
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    large = mnist(tmp_path, progress=False)
    long = imdb(put(tmp_path), progress=False)
    for one, other in ((usual, large), (generated, long)):
        assert type(one) is type(other)
        assert vars(one).keys() == vars(other).keys()
        for name, array in arrays(one).items():
            assert array.dtype == arrays(other)[name].dtype
            assert array.ndim == arrays(other)[name].ndim
    assert usual.train_images.shape[1:] == large.train_images.shape[1:]


def changed(data, **changes):
    fields = {name: value for name, value in vars(data).items() if not name.startswith("_")}
    return type(data)(**fields | changes)


BAD_IMAGES = {
    "train_images of float64": (lambda d: d.train_images.astype(float), "train_images", "float64"),
    "flat": (lambda d: d.train_images.reshape(1437, -1), "train_images", "3 dimensions"),
    "of 0..255": (lambda d: d.train_images * 255, "train_images", "in 0..1, got values from 0"),
    "with nan": (lambda d: d.train_images * np.float32("nan"), "train_images", "nan"),
    "empty": (lambda d: d.test_images[:0], "test_images", "not be empty"),
    "a list": (lambda d: d.train_labels.tolist(), "train_labels", "got list"),
    "labels of int32": (lambda d: d.train_labels.astype(np.int32), "train_labels", "int32"),
    "labels to 10": (lambda d: d.train_labels + 1, "train_labels", "from 1 to 10"),
    "fewer labels": (lambda d: d.train_labels[1:], "train_labels", "1436, train_images are 1437"),
    "other sizes": (lambda d: d.test_images[:, 1:], "test_images", "must be equal"),
}


@pytest.mark.parametrize("what", BAD_IMAGES)
def test_images_that_are_not_as_they_should_be_are_refused(usual, what):
    make, name, words = BAD_IMAGES[what]
    with pytest.raises(ValueError, match=rf"^{name} .*{re.escape(words)}"):
        changed(usual, **{name: make(usual)})


def with_(array, at, value):
    array = array.copy()
    array[at] = value
    return array


BAD_TEXTS = {
    "a gap": (lambda d: with_(d.train_tokens, (0, 0), 0), "train_tokens", "and nowhere else"),
    "words behind the last": (
        lambda d: with_(d.test_tokens, (1, -1), 5) if d.test_lengths[1] < 40 else None,
        "test_tokens",
        "and nowhere else",
    ),
    "an unknown word": (lambda d: with_(d.train_tokens, (0, 0), 983), "train_tokens", "to 983"),
    "a negative word": (lambda d: with_(d.train_tokens, (0, 0), -1), "train_tokens", "from -1"),
    "an empty review": (lambda d: with_(d.train_lengths, 0, 0), "train_lengths", "from 0"),
    "too long": (lambda d: with_(d.train_lengths, 0, 41), "train_lengths", "to 41"),
    "a label of 2": (lambda d: with_(d.test_labels, 0, 2), "test_labels", "to 2"),
    "fewer labels": (lambda d: d.test_labels[1:], "test_labels", "999, test_tokens are 1000"),
    "fewer lengths": (lambda d: d.test_lengths[1:], "test_lengths", "999, test_tokens are 1000"),
    "other lengths": (
        lambda d: np.pad(d.test_tokens, ((0, 0), (0, 1))), "test_tokens", "must be equal"
    ),
    "a list of words": (lambda d: list(d.vocabulary), "vocabulary", "tuple"),
    "no padding": (lambda d: d.vocabulary[1:], "vocabulary", "'<pad>' and '<unk>'"),
    "a word twice": (lambda d: (*d.vocabulary[:-1], "the"), "vocabulary", "has 'the' again"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD_TEXTS)
def test_texts_that_are_not_as_they_should_be_are_refused(generated, what):
    make, name, words = BAD_TEXTS[what]
    value = make(generated)
    assert value is not None
    with pytest.raises(ValueError, match=rf"^{name} .*{re.escape(words)}"):
        changed(generated, **{name: value})


@pytest.mark.parametrize("name", ["train_images", "name", "other"])
def test_they_cannot_be_changed_by_mistake(usual, name):
    with pytest.raises(AttributeError):
        setattr(usual, name, None)


# ------------------------------------------------------------------------- weight

LOADED = """
import json, sys
{statement}
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""


def test_importing_them_and_writing_reviews_needs_numpy_alone():
    def loaded(statement):
        done = subprocess.run(
            [sys.executable, "-c", LOADED.format(statement=statement)],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(datasets.__file__).parent.parent,
        )
        return set(json.loads(done.stdout))

    used = loaded("from adam_course.datasets import reviews; reviews(20, 10)")
    assert used - loaded("import numpy") - sys.stdlib_module_names == {"adam_course"}
    assert "pooch" in loaded("from adam_course.datasets import imdb; import pooch")
