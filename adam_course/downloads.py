"""Published files: fetched once, checked, and read without trust.

A file is used only if its checksum is the published one.  It is written under another
name and moved to its own when it is complete, so whatever happens on the way, a later
call finds either the whole file or none.
"""

import glob
import gzip
import math
import os
import re
import struct
import tarfile
import time
import zlib
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import numpy as np

# Seconds to wait for a server that says nothing.
_TIMEOUT = 30
# A part this old, in seconds, was left by a process that was killed.
_ABANDONED = 24 * 3600
# What a member of an archive may take beside its content: its headers, and their padding.
_HEADERS = 2**20


class PublishedFile(NamedTuple):
    """A file as it was published: its name, its size in bytes, its MD5 in hexadecimal."""

    name: str
    size: int
    md5: str


def data_directory(directory=None):
    """The directory in which data are kept: the reader's own, or the cache.

    Parameters
    ----------
    directory : str or path, optional
        Default: the environment variable ADAM_COURSE_DATA; without it, the directory
        `adam_course` where the operating system wants caches to be.

    Returns
    -------
    Path
        It need not exist.

    Raises
    ------
    ValueError
        If `directory` is no path.

    Examples
    --------
    >>> data_directory("data").name
    'data'
    """
    if directory is None:
        directory = os.environ.get("ADAM_COURSE_DATA")
        if not directory:
            import pooch

            return Path(pooch.os_cache("adam_course"))
    if not isinstance(directory, str | os.PathLike) or not os.fspath(directory):
        raise ValueError(f"directory must be a path, got {directory!r}")
    return Path(directory).expanduser()


def addresses(base_url, mirrors):
    """Where to look for files: at an address of the reader's own, or else at the mirrors.

    Parameters
    ----------
    base_url : str or None
        The address of a directory.  None: the environment variable ADAM_COURSE_MIRROR;
        without it, the mirrors.
    mirrors : list of str

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If `base_url` or the variable is no address.

    Examples
    --------
    >>> addresses("http://127.0.0.1:8000", ["https://example.org/data/"])
    ['http://127.0.0.1:8000']
    """
    for name, base in (
        ("base_url", base_url),
        ("ADAM_COURSE_MIRROR", os.environ.get("ADAM_COURSE_MIRROR") or None),
    ):
        if base is None:
            continue
        if not _is_address(base):
            raise ValueError(f"{name} must be an address with http:// or https://, got {base!r}")
        return [base]
    return list(mirrors)


def fetch(file, mirrors, *, directory=None, progress=True):
    """A published file on this disk, fetched if it is not there yet.

    Parameters
    ----------
    file : PublishedFile
    mirrors : list of str
        Addresses of directories that hold it, tried in this order.  See `addresses`.
    directory : str or path, optional
        See `data_directory`.  A file of this name that is not the published one is
        replaced in the cache, and never in a directory that the caller names.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Path
        The file, with the published size and checksum.

    Raises
    ------
    ValueError
        If another file of this name is in `directory`.
    OSError
        If no address gives the file, with what each of them said; or if it cannot be
        written.

    Examples
    --------
    What is there already needs no network:

    >>> import tempfile
    >>> note = PublishedFile("note.txt", 5, "5d41402abc4b2a76b9719d911017c592")
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     _ = Path(directory, "note.txt").write_text("hello")
    ...     fetch(note, [], directory=directory).name
    'note.txt'
    """
    folder = data_directory(directory)
    path = folder / file.name
    if path.exists():
        wrong = _difference(path, file)
        if not wrong:
            return path
        if directory is not None:
            raise ValueError(
                f"{path} is not the published file: {wrong}.  "
                "Move it away, and the next call fetches the published one"
            )
    folder.mkdir(parents=True, exist_ok=True)
    said = []
    for mirror in mirrors:
        address = f"{mirror.rstrip('/')}/{file.name}"
        try:
            with replacing(path) as temporary:
                _download(address, temporary, file, progress)
            return path
        except _failures() as error:
            said.append(f"{address}: {error}")
        except PermissionError:
            # On Windows a file that another process reads cannot be replaced, nor need it be.
            if not path.exists() or _difference(path, file):
                raise
            return path
    raise OSError(
        "\n  ".join([f"{file.name} cannot be fetched:", *said])
        + f"\nPut it into {folder} by hand, or name the address of a directory that has it "
        "with base_url= or the environment variable ADAM_COURSE_MIRROR"
    )


@contextmanager
def replacing(path):
    """A new name beside a path, for writing; moved to the path if all goes well, else removed.

    Parameters
    ----------
    path : Path
        In a directory that exists.

    Returns
    -------
    context manager of Path

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory, "note.txt")
    ...     with replacing(path) as temporary:
    ...         _ = temporary.write_text("hello")
    ...     [file.name for file in Path(directory).iterdir()]
    ['note.txt']
    """
    _sweep(path)
    # Not `tempfile`, whose files only their owner may read.
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_archive(path, wanted, *, most_members, most_bytes, largest, progress=True):
    """The contents of a tar.gz archive, read from it where it lies: nothing is unpacked.

    Parameters
    ----------
    path : Path
    wanted : function of str to bool
        Which members, by their names, are returned.
    most_members : int
    most_bytes : int
        Of the whole archive once it is decompressed.
    largest : int
        Bytes of a single member.
    progress : bool
        Show a progress bar.

    Returns
    -------
    dict of str to bytes
        In the order of the archive.

    Raises
    ------
    ValueError
        With the path and the reason, before anything is returned: the archive is damaged
        or cut short, goes beyond one of the limits, has a wanted member twice, or one that
        is no plain file or directory or whose name leads out of the archive.

    Examples
    --------
    >>> import io, tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory, "notes.tar.gz")
    ...     with tarfile.open(path, "w:gz") as archive:
    ...         member = tarfile.TarInfo("notes/first.txt")
    ...         member.size = 5
    ...         archive.addfile(member, io.BytesIO(b"hello"))
    ...     limits = dict(most_members=10, most_bytes=100_000, largest=1000)
    ...     read_archive(path, lambda name: name.endswith(".txt"), **limits, progress=False)
    {'notes/first.txt': b'hello'}
    """
    from tqdm.auto import tqdm

    path = Path(path)
    contents, count = {}, 0
    bar = tqdm(
        total=path.stat().st_size,
        desc=f"reading {path.name}",
        unit="B",
        unit_scale=True,
        leave=False,
        disable=not progress,
    )
    try:
        with bar, open(path, "rb") as packed, gzip.GzipFile(fileobj=packed) as unpacked:
            limited = _Limited(unpacked, most_bytes, largest)
            # As a stream: a tape that is read once, from its start to its end.
            with tarfile.open(fileobj=limited, mode="r|", tarinfo=_Member) as archive:
                for member in archive:
                    _check_member(member, largest)
                    count += 1
                    if count > most_members:
                        raise ValueError(f"has more than {most_members} members")
                    if member.isreg() and wanted(member.name):
                        if member.name in contents:
                            raise ValueError(f"{member.name!r} is in it twice")
                        contents[member.name] = archive.extractfile(member).read()
                    limited.next_member()
                    archive.members = []  # it would keep them all
                    bar.update(packed.tell() - bar.n)
            # To the end, where the checksum of the whole is.
            while limited.read(2**16):
                limited.next_member()
    except (ValueError, EOFError, OverflowError, zlib.error, tarfile.TarError) as error:
        raise ValueError(f"{path}: {error}") from error
    except gzip.BadGzipFile as error:
        raise ValueError(f"{path} is not a whole gzip file: {error}") from error
    return contents


def read_idx(path, shape):
    """The bytes of an IDX file, the format of MNIST, as an array.

    The format: two zeros, the type (8: unsigned bytes), the number d of dimensions; d sizes,
    each a whole number of 32 bits, the most significant byte first; the bytes, the last
    index running fastest; and no more.

    Parameters
    ----------
    path : Path
        With a name that ends in .gz, it is decompressed.
    shape : tuple of int
        Of each entry: () for labels.

    Returns
    -------
    uint8 array (n, *shape)
        n is what the file says, at least 1.

    Raises
    ------
    ValueError
        With the path and what is wrong with the file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory, "labels")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     read_idx(path, ())
    array([7, 2, 1], dtype=uint8)
    """
    dimensions = 1 + len(shape)
    expected = bytes([0, 0, 8, dimensions])
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            if (magic := _read(file, 4)) != expected:
                raise ValueError(f"it begins with {magic.hex(' ')}, not {expected.hex(' ')}")
            sizes = struct.unpack(f">{dimensions}I", _read(file, 4 * dimensions))
            if sizes[1:] != tuple(shape) or not sizes[0]:
                wanted = ", ".join(["n", *map(str, shape)])
                raise ValueError(f"it has the shape {sizes}, not ({wanted}) with n at least 1")
            data = _read(file, math.prod(sizes))
            # One byte more, to see the end; gzip then compares its checksum, too.
            if file.read(1):
                raise ValueError(f"it goes on after the {len(data)} bytes that it announces")
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is not the IDX file that it should be: {error}") from error
    return np.frombuffer(data, np.uint8).reshape(sizes)


def _read(file, count):
    """So many bytes, in pieces: what a header announces takes no memory before it is there."""
    pieces, missing = [], count
    while missing and (piece := file.read(min(missing, 2**20))):
        pieces.append(piece)
        missing -= len(piece)
    if missing:
        raise ValueError(f"it ends after {count - missing} of {count} bytes")
    return b"".join(pieces)


class _Member(tarfile.TarInfo):
    """A member of an archive, for which a damaged header is an error, and not the end."""

    @classmethod
    def frombuf(cls, *arguments):
        try:
            return super().frombuf(*arguments)
        except tarfile.EOFHeaderError:
            raise  # the two empty blocks at the end, as there should be
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"damaged or cut short: {error}") from error


class _Limited:
    """A file to be read from start to end that gives no more than it may."""

    def __init__(self, file, most_bytes, largest):
        self._file, self._most_bytes, self._largest = file, most_bytes, largest
        self._left = most_bytes
        self.next_member()

    def next_member(self):
        self._left_of_member = self._largest + _HEADERS

    def read(self, size):
        data = self._file.read(size)
        self._left -= len(data)
        self._left_of_member -= len(data)
        if self._left < 0:
            raise ValueError(f"decompresses to more than {self._most_bytes} bytes")
        if self._left_of_member < 0:
            raise ValueError(f"has a member of more than {self._largest} bytes")
        return data


def _check_member(member, largest):
    name = member.name
    # Windows knows more ways out than POSIX does: drives, and both kinds of slashes.
    windows = PureWindowsPath(name)
    if windows.drive or windows.root or ".." in re.split(r"[/\\]", name) or "\0" in name:
        raise ValueError(f"{name!r} leads out of the archive")
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise ValueError(f"{name!r} is neither a plain file nor a directory")
    if not 0 <= member.size <= largest:
        raise ValueError(f"{name!r} has {member.size} bytes, more than {largest}")


def _difference(path, file):
    """What makes a file on this disk another than the published one; None if nothing does."""
    import pooch

    size = path.stat().st_size
    if size != file.size:
        return f"it has {size} bytes, not {file.size}"
    md5 = pooch.file_hash(str(path), alg="md5")
    return None if md5 == file.md5 else f"its MD5 is {md5}, not {file.md5}"


def _is_address(base):
    try:
        parts = urlsplit(base) if isinstance(base, str) else None
    except ValueError:  # half an IPv6 address
        return False
    return parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)


def _failures():
    """What the fault of a server or of the way to it looks like; of the disk, it does not."""
    import requests
    import urllib3

    return (
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        ConnectionError,
        TimeoutError,
        ValueError,
    )


def _download(address, path, file, progress):
    """Write what is at an address to a path; raise if it is not the published file."""
    import pooch
    from tqdm.auto import tqdm

    responses = []

    def received(response, **_):
        responses.append(response)
        # Some servers call a .gz file an encoding of its content; it would be undone.
        response.raw.headers.pop("content-encoding", None)

    bar = tqdm(
        total=file.size,
        desc=file.name,
        unit="B",
        unit_scale=True,
        leave=False,
        disable=not progress,
    )
    download = pooch.HTTPDownloader(
        chunk_size=2**16,
        timeout=_TIMEOUT,
        headers={"Accept-Encoding": "identity"},  # the bytes themselves
        hooks={"response": received},
    )
    try:
        with bar, open(path, "xb") as output:
            download(address, _Received(output, file.size, bar), None)
    finally:
        for response in responses:
            response.close()
    wrong = _difference(path, file)
    if wrong:
        raise ValueError(f"what it sent is not the published file: {wrong}")


class _Received:
    """A file to write to that takes no more than it should, and moves a progress bar."""

    def __init__(self, output, size, bar):
        self._output, self._size, self._bar = output, size, bar
        self._count = 0

    def write(self, chunk):
        self._count += len(chunk)
        if self._count > self._size:
            raise ValueError(f"it sent more than the {self._size} bytes of the published file")
        self._output.write(chunk)
        self._bar.update(len(chunk))

    def flush(self):
        pass  # pooch asks for it after every chunk; closing is enough


def _sweep(path):
    """Remove the parts that killed processes left; those of running ones are younger."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        try:
            if time.time() - part.stat().st_mtime > _ABANDONED:
                part.unlink()
        except OSError:
            pass  # somebody else's, or gone already
