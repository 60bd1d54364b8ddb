"""A published file is on the disk whole or not at all, and archives are read without trust."""

import gzip
import io
import os
import random
import stat
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tqdm.auto
from mirror import (
    cut_off,
    cut_off_unannounced,
    endless,
    idx,
    no_http,
    only_loopback,
    published,
    redirect,
    send,
    serving,
    silent,
    status,
)

import adam_course
from adam_course import downloads
from adam_course.downloads import (
    addresses,
    data_directory,
    fetch,
    read_archive,
    read_idx,
    replacing,
)

CONTENT = bytes(random.Random(0).randrange(256) for _ in range(300_000))
FILE = published("data.bin", CONTENT)


@pytest.fixture(autouse=True)
def loopback(monkeypatch, tmp_path):
    with only_loopback(monkeypatch, tmp_path / "cache") as attempts:
        yield attempts


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def got(mirrors=(), file=FILE, *, base_url=None, **options):
    """The file from where `addresses` says, without a bar unless it is wanted."""
    return fetch(file, addresses(base_url, mirrors), **{"progress": False, **options})


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def fails(mirrors, file=FILE, error=OSError, **options):
    """Assert that a file cannot be fetched; the message."""
    with pytest.raises(error) as caught:
        got(mirrors, file, **options)
    return str(caught.value)


# ------------------------------------------------------------------ the net itself


def test_the_guard_against_leaving_this_machine_works(loopback):
    import requests

    with pytest.raises(AssertionError, match=r"wanted to reach example\.org"):
        requests.get("http://example.org/")
    with pytest.raises(AssertionError, match=r"wanted to reach 192\.0\.2\.1"):
        requests.get("http://192.0.2.1/")
    assert loopback == ["example.org", "192.0.2.1"]
    loopback.clear()


# ------------------------------------------------------------------------ where


def test_the_directory_named_counts_then_the_variable_then_the_cache(monkeypatch, tmp_path):
    import pooch

    monkeypatch.setenv("ADAM_COURSE_DATA", str(tmp_path / "of the variable"))
    assert data_directory(tmp_path / "named") == tmp_path / "named"
    assert data_directory(str(tmp_path / "named")) == tmp_path / "named"
    assert data_directory() == tmp_path / "of the variable"
    monkeypatch.setenv("ADAM_COURSE_DATA", "")
    assert data_directory() == pooch.os_cache("adam_course")
    monkeypatch.delenv("ADAM_COURSE_DATA")
    assert data_directory() == pooch.os_cache("adam_course")


def test_a_tilde_is_the_home_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert data_directory("~/data") == tmp_path / "data"
    monkeypatch.setenv("ADAM_COURSE_DATA", "~/data")
    assert data_directory() == tmp_path / "data"


@pytest.mark.parametrize("directory", [3, "", True, ["data"]], ids=repr)
def test_a_directory_that_is_no_path_is_refused(directory):
    with pytest.raises(ValueError, match=r"^directory must be a path, got "):
        data_directory(directory)


def test_asking_where_creates_nothing(cache):
    data_directory()
    assert not cache.exists()


# ------------------------------------------------------------------------- fetching


def test_a_file_is_fetched_once_and_then_used_without_the_network(cache):
    with serving({FILE.name: CONTENT}) as server:
        path = got([server.url])
        assert path == cache / FILE.name
        assert path.read_bytes() == CONTENT
        assert names(cache) == [FILE.name]
        assert got([server.url]) == path
        assert server.requests == [FILE.name]
    assert got([server.url]) == path
    assert got([]) == path


def test_a_file_that_somebody_put_there_needs_no_network(tmp_path):
    (tmp_path / FILE.name).write_bytes(CONTENT)
    assert got([], directory=tmp_path) == tmp_path / FILE.name


def test_a_directory_that_is_not_there_yet_is_made(tmp_path):
    with serving({FILE.name: CONTENT}) as server:
        path = got([server.url], directory=tmp_path / "a" / "b")
    assert path == tmp_path / "a" / "b" / FILE.name


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_address_may_end_in_a_slash_or_not(slash):
    with serving({FILE.name: CONTENT}) as server:
        assert got([server.url.rstrip("/") + slash]).read_bytes() == CONTENT


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_fetched_file_is_as_readable_as_any_other(cache):
    cache.mkdir()
    (cache / "other").touch()
    with serving({FILE.name: CONTENT}) as server:
        path = got([server.url])
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((cache / "other").stat().st_mode)


def test_the_bytes_themselves_are_asked_for_and_kept_as_they_come():
    content = gzip.compress(CONTENT)
    file = published("data.gz", content)

    def answer(handler):
        send(handler, content, Content_Encoding="x-gzip")

    with serving({"data.gz": answer}) as server:
        assert got([server.url], file).read_bytes() == content
        assert server.headers[0]["Accept-Encoding"] == "identity"


def test_a_server_that_does_not_say_how_much_it_sends_is_fine():
    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(CONTENT)

    with serving({FILE.name: answer}) as server:
        assert got([server.url]).read_bytes() == CONTENT


def test_a_redirection_is_followed():
    answers = {FILE.name: redirect("other"), "other": CONTENT}
    with serving(answers) as server:
        assert got([server.url]).read_bytes() == CONTENT
        assert server.requests == [FILE.name, "other"]


# ------------------------------------------------------------------- mirrors in turn

# What a server does wrong, and what the message about it says.
WRONG = {
    "not there": (status(404), "404"),
    "an error": (status(500), "500"),
    "forbidden": (status(403), "403"),
    "cut off": (cut_off(CONTENT), "IncompleteRead|broken"),
    "cut off, unannounced": (cut_off_unannounced(CONTENT), "has 150000 bytes, not 300000"),
    "too little announced": (
        lambda handler: send(handler, CONTENT, length=1000),
        "has 1000 bytes, not 300000",
    ),
    "too much announced": (
        lambda handler: send(handler, CONTENT, length=400_000),
        "IncompleteRead|broken",
    ),
    "a length that is no number": (
        lambda handler: send(handler, CONTENT, length="many"),
        "many",
    ),
    "too much": (CONTENT + b"!", "more than the 300000 bytes"),
    "endless": (endless, "more than the 300000 bytes"),
    "one bit": (bytes([CONTENT[0] ^ 1]) + CONTENT[1:], "its MD5 is"),
    "a page instead": (b"<html>Please log in to the WiFi</html>", "has 38 bytes, not 300000"),
    "nothing": (b"", "has 0 bytes"),
    "no HTTP": (no_http, "this is not HTTP"),
    "hangs up": (lambda handler: handler.connection.close(), "Connection aborted"),
    "in a circle": (redirect(FILE.name), "redirects"),
    "to another protocol": (redirect("ftp://127.0.0.1/data.bin"), "ftp"),
    "to no address": (redirect("http://[127/"), "Invalid IPv6 URL"),
}
each_wrong = pytest.mark.parametrize("wrong", WRONG)


@each_wrong
def test_what_a_server_does_wrong_is_said_and_leaves_nothing(wrong, cache):
    answer, words = WRONG[wrong]
    with serving({FILE.name: answer}) as server:
        message = fails([server.url])
        first, line, hint = message.split("\n", 2)
        assert first == "data.bin cannot be fetched:"
        assert line.startswith(f"  {server.url}data.bin: ")
        assert any(word in line for word in words.split("|")), line
        assert str(cache) in hint
        assert names(cache) == []
        # And the next call, when the server is well again, does it.
        server.answers[FILE.name] = CONTENT
        assert got([server.url]).read_bytes() == CONTENT
        assert names(cache) == [FILE.name]


@each_wrong
def test_the_next_mirror_is_tried(wrong, cache):
    with serving({FILE.name: WRONG[wrong][0]}) as bad, serving({FILE.name: CONTENT}) as good:
        assert got([bad.url, good.url]).read_bytes() == CONTENT
        assert set(bad.requests) == {FILE.name}
        assert good.requests == [FILE.name]
        assert names(cache) == [FILE.name]


def test_a_server_that_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(downloads, "_TIMEOUT", 0.2)
    with serving({FILE.name: silent(5)}) as server, serving({FILE.name: CONTENT}) as good:
        assert "timed out" in fails([server.url])
        assert got([server.url, good.url]).read_bytes() == CONTENT


def test_a_server_that_stops_half_way_without_hanging_up_is_given_up(monkeypatch, cache):
    monkeypatch.setattr(downloads, "_TIMEOUT", 0.2)

    def stops(handler):
        send(handler, CONTENT[:100_000], length=len(CONTENT))
        silent(5)(handler)

    with serving({FILE.name: stops}) as server:
        assert "timed out" in fails([server.url])
    assert names(cache) == []


def test_a_server_that_is_not_there_is_passed_over():
    with serving({}) as gone:
        pass
    with serving({FILE.name: CONTENT}) as good:
        assert got([gone.url, good.url]).read_bytes() == CONTENT


def test_mirrors_are_tried_in_their_order_and_no_more_than_needed():
    with serving({FILE.name: CONTENT}) as first, serving({FILE.name: CONTENT}) as second:
        got([first.url, second.url])
        assert (first.requests, second.requests) == ([FILE.name], [])


def test_when_all_fail_the_error_lists_what_each_said():
    bad = [serving({FILE.name: WRONG[wrong][0]}) for wrong in ("not there", "an error", "one bit")]
    with bad[0] as a, bad[1] as b, bad[2] as c:
        lines = fails([a.url, b.url, c.url]).split("\n")[1:4]
        for line, server, words in zip(lines, (a, b, c), ("404", "500", "MD5")):
            assert line.startswith(f"  {server.url}data.bin: ")
            assert words in line


# ------------------------------------------------------------- an address of one's own


def test_a_base_address_takes_the_place_of_the_mirrors(monkeypatch):
    with serving({FILE.name: CONTENT}) as mine, serving({FILE.name: CONTENT}) as public:
        assert got([public.url], base_url=mine.url).read_bytes() == CONTENT
        assert (len(mine.requests), len(public.requests)) == (1, 0)


def test_the_variable_does_so_too_and_the_argument_goes_before_it(monkeypatch, tmp_path):
    with serving({FILE.name: CONTENT}) as mine, serving({FILE.name: CONTENT}) as other:
        monkeypatch.setenv("ADAM_COURSE_MIRROR", mine.url)
        got([other.url])
        assert (len(mine.requests), len(other.requests)) == (1, 0)
        got([], directory=tmp_path, base_url=other.url)
        assert (len(mine.requests), len(other.requests)) == (1, 1)


def test_an_empty_variable_is_none(monkeypatch):
    monkeypatch.setenv("ADAM_COURSE_MIRROR", "")
    with serving({FILE.name: CONTENT}) as public:
        assert got([public.url]).read_bytes() == CONTENT


def test_the_public_mirrors_are_not_asked_where_one_was_named():
    with serving({}) as mine, serving({FILE.name: CONTENT}) as public:
        assert public.url not in fails([public.url], base_url=mine.url)
        assert public.requests == []


NO_ADDRESSES = ["a stick", "ftp://127.0.0.1/", "file:///data", "http://", "http://[::1", "//h", ""]


@pytest.mark.parametrize("base_url", [*NO_ADDRESSES, 3, b"http://a/"], ids=repr)
def test_a_base_address_that_is_none_is_refused_by_name(base_url, monkeypatch, cache):
    message = fails([], error=ValueError, base_url=base_url)
    assert message.startswith("base_url must be an address with http:// or https://")
    assert message.endswith(f"got {base_url!r}")
    if base_url and isinstance(base_url, str):
        monkeypatch.setenv("ADAM_COURSE_MIRROR", base_url)
        assert fails([], error=ValueError).startswith("ADAM_COURSE_MIRROR must be")
    assert not cache.exists()


def test_the_directory_of_one_machine_served_is_a_mirror_for_a_class(tmp_path):
    """What `mnist` says of `python -m http.server`."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    (tmp_path / FILE.name).write_bytes(CONTENT)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            path = got([], base_url=f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
    assert path.read_bytes() == CONTENT


# --------------------------------------------------- what is there already, and is wrong


@pytest.mark.parametrize("there", [CONTENT[:-1], CONTENT[:-1] + b"?", b"", CONTENT + b"?"], ids=len)
def test_in_the_cache_a_file_that_is_not_the_published_one_is_replaced(there, cache):
    assert there != CONTENT
    cache.mkdir()
    (cache / FILE.name).write_bytes(there)
    with serving({FILE.name: CONTENT}) as server:
        assert got([server.url]).read_bytes() == CONTENT
    assert names(cache) == [FILE.name]


def test_it_stays_as_it_is_when_the_published_one_cannot_be_fetched(cache):
    cache.mkdir()
    (cache / FILE.name).write_bytes(b"what is left of it")
    with serving({FILE.name: cut_off(CONTENT)}) as server:
        fails([server.url])
    assert (cache / FILE.name).read_bytes() == b"what is left of it"
    assert names(cache) == [FILE.name]


def test_in_a_directory_of_the_readers_own_it_is_not_touched(tmp_path):
    (tmp_path / FILE.name).write_bytes(b"mine")
    with serving({FILE.name: CONTENT}) as server:
        message = fails([server.url], error=ValueError, directory=tmp_path)
        assert server.requests == []
    assert message.startswith(f"{tmp_path / FILE.name} is not the published file: it has 4 bytes")
    assert "Move it away" in message
    assert (tmp_path / FILE.name).read_bytes() == b"mine"


def test_a_directory_that_cannot_be_made_is_an_error_of_the_system(tmp_path):
    (tmp_path / "file").touch()
    with serving({FILE.name: CONTENT}) as server:
        message = fails([server.url], directory=tmp_path / "file" / "directory")
        assert server.requests == []
    assert "cannot be fetched" not in message


# -------------------------------------------------------------------- interruptions


class Stopped(tqdm.auto.tqdm):
    """A bar that raises an error once half is there."""

    error = KeyboardInterrupt

    def update(self, n=1):
        super().update(n)
        if self.n >= self.total / 2:
            raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupt_leaves_nothing_and_the_next_call_recovers(monkeypatch, cache, error):
    with serving({FILE.name: CONTENT}) as server:
        with monkeypatch.context() as patched:
            patched.setattr(tqdm.auto, "tqdm", type("Bar", (Stopped,), {"error": error}))
            fails([server.url, server.url], error=error, progress=True)
        assert server.requests == [FILE.name], "an interrupt is not a reason to go on elsewhere"
        assert names(cache) == []
        assert got([server.url]).read_bytes() == CONTENT


def test_a_full_disk_is_not_the_mirrors_fault(monkeypatch, cache):
    def full(self, chunk):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(downloads._Received, "write", full)
    with serving({FILE.name: CONTENT}) as server:
        assert "No space left" in fails([server.url, server.url])
        assert server.requests == [FILE.name]
    assert names(cache) == []


def test_what_is_written_has_another_name_until_it_is_complete(cache):
    there, later = threading.Event(), threading.Event()

    def slow(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        handler.wfile.write(CONTENT[:200_000])
        handler.wfile.flush()
        there.set()
        later.wait(10)
        handler.wfile.write(CONTENT[200_000:])

    with serving({FILE.name: slow}) as server:
        thread = threading.Thread(target=got, args=([server.url],))
        thread.start()
        assert there.wait(10)
        seen = names(cache)
        later.set()
        thread.join()
    assert len(seen) == 1
    assert seen[0].startswith(".data.bin.")
    assert seen[0].endswith(".part")
    assert names(cache) == [FILE.name]


PROCESS = """
import sys
from adam_course.downloads import PublishedFile, fetch
file = PublishedFile({name!r}, {size}, {md5!r})
print(fetch(file, [sys.argv[1]], progress=False), flush=True)
"""


def start(url):
    """A process of its own that fetches the file."""
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS.format(**FILE._asdict()), url],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(adam_course.__file__).parent.parent,
        env=dict(os.environ),
    )


def test_two_processes_at_once_do_not_disturb_each_other(cache):
    both = threading.Barrier(2, timeout=20)

    def answer(handler):
        both.wait()  # neither has anything before both have asked
        send(handler, CONTENT)

    with serving({FILE.name: answer}) as server:
        with start(server.url) as a, start(server.url) as b:
            said = [process.communicate(timeout=30)[0].strip() for process in (a, b)]
        assert said == [str(cache / FILE.name)] * 2
        assert len(server.requests) == 2
    assert names(cache) == [FILE.name]
    assert got([]).read_bytes() == CONTENT


def test_what_a_killed_process_leaves_does_not_matter_and_goes_after_a_day(cache):
    there = threading.Event()

    def half(handler):
        send(handler, CONTENT[:200_000], length=len(CONTENT))
        handler.wfile.flush()
        there.set()
        silent(20)(handler)

    with serving({FILE.name: half}) as server:
        with start(server.url) as process:
            assert there.wait(20)
            while not (names(cache) and (cache / names(cache)[0]).stat().st_size):
                time.sleep(0.01)
            process.kill()
        (part,) = names(cache)
        assert part.endswith(".part")
        server.answers[FILE.name] = CONTENT
        assert got([server.url]).read_bytes() == CONTENT
        assert names(cache) == [part, FILE.name], "it might be at work"
        (cache / FILE.name).unlink()
        yesterday = time.time() - 25 * 3600
        os.utime(cache / part, (yesterday, yesterday))
        other = cache / ".other.bin.0.part"
        other.touch()
        os.utime(other, (yesterday, yesterday))
        got([server.url])
    assert names(cache) == [other.name, FILE.name], "and of another file it is not"


def test_a_file_that_another_process_reads_on_windows_need_not_be_replaced(monkeypatch, cache):
    def replace(source, target):
        Path(target).write_bytes(CONTENT)  # the other process was quicker
        raise PermissionError(13, "The process cannot access the file")

    with serving({FILE.name: CONTENT}) as server:
        with monkeypatch.context() as patched:
            patched.setattr(downloads.os, "replace", replace)
            assert got([server.url]).read_bytes() == CONTENT
        assert names(cache) == [FILE.name]


def test_a_file_that_cannot_be_replaced_and_is_wrong_is_an_error(monkeypatch, cache):
    def replace(source, target):
        raise PermissionError(13, "The process cannot access the file")

    cache.mkdir()
    (cache / FILE.name).write_bytes(b"wrong")
    monkeypatch.setattr(downloads.os, "replace", replace)
    with serving({FILE.name: CONTENT}) as server:
        fails([server.url], error=PermissionError)
    assert names(cache) == [FILE.name]


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_replacing_moves_all_or_nothing(tmp_path, error):
    path = tmp_path / "note.txt"
    path.write_text("before")
    try:
        with replacing(path) as temporary:
            temporary.write_text("after")
            assert path.read_text() == "before"
            if error:
                raise error
    except (ValueError, KeyboardInterrupt):
        pass
    assert path.read_text() == ("before" if error else "after")
    assert names(tmp_path) == ["note.txt"]


# --------------------------------------------------------------------- progress


class Told(tqdm.auto.tqdm):
    """A bar that remembers what it was told."""

    bars = []  # noqa: RUF012

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.told, self.was_disabled, self.closed = 0, self.disable, False
        self.bars.append(self)

    def update(self, n=1):
        self.told += n
        return super().update(n)

    def close(self):
        self.closed = True
        super().close()


@pytest.fixture
def bars(monkeypatch):
    monkeypatch.setattr(tqdm.auto, "tqdm", Told)
    Told.bars = []
    return lambda: Told.bars


def test_a_bar_counts_the_bytes_and_goes_away(bars, capsys):
    with serving({FILE.name: CONTENT}) as server:
        got([server.url], progress=True)
    (bar,) = bars()
    assert (bar.told, bar.total) == (len(CONTENT), len(CONTENT))
    assert bar.closed
    out, err = capsys.readouterr()
    assert out == ""
    assert FILE.name in err


def test_without_progress_nothing_is_shown(bars, capsys):
    with serving({FILE.name: CONTENT}) as server:
        got([server.url])
    assert capsys.readouterr() == ("", "")


def test_after_an_error_the_bar_is_closed(bars):
    with serving({FILE.name: cut_off(CONTENT)}) as server:
        fails([server.url], progress=True)
    (bar,) = bars()
    assert bar.closed
    assert 0 < bar.told <= len(CONTENT) // 2


# --------------------------------------------------------------------- archives

LIMITS = {"most_members": 10, "most_bytes": 200_000, "largest": 20_000, "progress": False}


def tar_of(*members):
    """The bytes of a tar of (name or TarInfo, content)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member, content in members:
            if isinstance(member, str):
                member = tarfile.TarInfo(member)
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def special(name, kind, target=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.fixture
def packed(tmp_path):
    """Write bytes as a tar.gz archive; its path."""

    def write(tar):
        path = tmp_path / "archive.tar.gz"
        path.write_bytes(gzip.compress(tar, 1))
        return path

    return write


def contents(path, wanted=lambda name: True, **limits):
    return read_archive(path, wanted, **{**LIMITS, **limits})


def refused(path, **limits):
    """Assert that an archive is refused, and that nothing was written; the message."""
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(ValueError, match="archive") as error:
        contents(path, **limits)
    assert sorted(path.parent.rglob("*")) == before
    assert str(path) in str(error.value)
    return str(error.value)


def test_an_archives_wanted_files_are_read_in_their_order(packed):
    path = packed(
        tar_of(
            (special("a", tarfile.DIRTYPE), b""),
            ("a/2.txt", b"two"),
            ("a/1.txt", b""),
            ("a/skip", bytes(15_000)),
            ("./b/3.txt", bytes(20_000)),
        )
    )
    texts = contents(path, lambda name: name.endswith(".txt"))
    right = [("a/2.txt", b"two"), ("a/1.txt", b""), ("./b/3.txt", bytes(20_000))]
    assert list(texts.items()) == right
    assert names(path.parent) == ["archive.tar.gz"]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_form_of_tar_is_read_also_with_long_names(packed, form):
    name = "d/" * 40 + "é" * 30 + ".txt"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        member = tarfile.TarInfo(name)
        member.size = 3
        archive.addfile(member, io.BytesIO(b"abc"))
    assert contents(packed(buffer.getvalue())) == {name: b"abc"}


OUTSIDE = [
    "../x", "a/../../x", "a/..", "..", "/x", "//x", "/etc/passwd", "..\\x", "a\\..\\x", "C:x",
    "C:\\x", "c:/x", "\\x", "\\\\server\\share\\x",
]  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_leads_out_is_refused(packed, name):
    inside = ("a/good.txt", b"good")
    assert "leads out of the archive" in refused(packed(tar_of(inside, (name, b"bad"))))
    directory = special(name, tarfile.DIRTYPE)
    assert "leads out of the archive" in refused(packed(tar_of((directory, b""))))
    # Also one that nobody asked for.
    with pytest.raises(ValueError, match="leads out"):
        contents(packed(tar_of(inside, (name, b"bad"))), lambda name: name == inside[0])


@pytest.mark.parametrize("name", ["a..b", "..a/x", "a/...", "a./.b", "./x"])
def test_dots_that_lead_nowhere_are_fine(packed, name):
    assert contents(packed(tar_of((name, b"good")))) == {name: b"good"}


KINDS = {
    "symbolic link": (tarfile.SYMTYPE, "../x"),
    "symbolic link inside": (tarfile.SYMTYPE, "good.txt"),
    "hard link": (tarfile.LNKTYPE, "a/good.txt"),
    "character device": (tarfile.CHRTYPE, ""),
    "block device": (tarfile.BLKTYPE, ""),
    "pipe": (tarfile.FIFOTYPE, ""),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_neither_a_file_nor_a_directory_is_refused(packed, kind):
    path = packed(tar_of(("a/good.txt", b"good"), (special("a/x", *KINDS[kind]), b"")))
    assert "'a/x' is neither a plain file nor a directory" in refused(path)


def test_a_file_with_holes_that_is_larger_than_it_looks_is_refused(packed):
    """GNU's sparse files: 512 bytes in the archive that are a gigabyte when they are read."""
    for version in ("0.1", "1.0"):
        member = tarfile.TarInfo("holes.txt")
        member.size = 512
        member.pax_headers = {
            "GNU.sparse.major": version[0],
            "GNU.sparse.minor": version[2],
            "GNU.sparse.realsize": str(2**30),
            "GNU.sparse.size": str(2**30),
            "GNU.sparse.map": "0,0",
            "GNU.sparse.name": "holes.txt",
        }
        content = b"1\n0\n512\n".ljust(512, b"\0")
        assert "neither a plain file" in refused(packed(tar_of((member, content))))


def test_an_archive_within_its_limits_is_read_and_one_beyond_is_refused(packed):
    ten = [(f"{i}.txt", b"x" * 20_000 if i == 3 else b"x") for i in range(10)]
    path = packed(tar_of(*ten))
    size = len(tar_of(*ten))
    assert len(contents(path, most_bytes=size)) == 10
    assert "more than 9 members" in refused(path, most_members=9)
    assert "'3.txt' has 20000 bytes, more than 19999" in refused(path, largest=19_999)
    assert f"decompresses to more than {size - 1} bytes" in refused(path, most_bytes=size - 1)
    # What nobody wants counts as well.
    with pytest.raises(ValueError, match="more than 9 members"):
        contents(path, lambda name: False, most_members=9)


def bomb(path, head, megabytes):
    """A small file that decompresses to a head and so many megabytes of zeros."""
    with gzip.open(path, "wb", 9) as file:
        file.write(head)
        for _ in range(megabytes):
            file.write(bytes(2**20))
    assert path.stat().st_size < 2**16
    return path


def test_a_bomb_is_refused_before_it_takes_memory_or_time(tmp_path):
    import tracemalloc

    def header(kind, size):
        member = tarfile.TarInfo("x")
        member.type, member.size = kind, size
        return member.tobuf(tarfile.GNU_FORMAT)

    path = tmp_path / "archive.tar.gz"
    zeros = 32
    heads = {
        "a large file": header(tarfile.REGTYPE, zeros * 2**20),
        "a long name": header(tarfile.GNUTYPE_LONGNAME, zeros * 2**20),
        "an extended header": header(tarfile.XHDTYPE, zeros * 2**20),
        "a file, and much behind it": tar_of(("x", b"x")),
    }
    tracemalloc.start()
    try:
        for what, head in heads.items():
            bomb(path, head, zeros)
            tracemalloc.reset_peak()
            refused(path, most_bytes=2**23)
            assert tracemalloc.get_traced_memory()[1] < 2**24, what
    finally:
        tracemalloc.stop()


def test_a_wanted_member_that_is_there_twice_is_refused(packed):
    path = packed(tar_of(("x", b"1"), ("x", b"2")))
    assert "'x' is in it twice" in refused(path)
    assert contents(path, lambda name: False) == {}


TAR = tar_of(*((f"{i}.txt", bytes([i]) * 700) for i in range(5)))


@pytest.mark.parametrize("at", [100, 512, 1000, 1536, 4000, 7680, 8000, 10 * 512 + 100])
def test_an_archive_that_was_cut_short_before_it_was_compressed_is_refused(packed, at):
    assert at < len(TAR)
    refused(packed(TAR[:at]))


@pytest.mark.parametrize("part", [0, 0.1, 0.5, 0.9, 0.999])
def test_an_archive_that_was_cut_short_is_refused(packed, part):
    path = packed(TAR)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    refused(path)


def test_a_change_anywhere_in_the_compressed_archive_is_refused_or_does_not_matter(packed):
    rng = random.Random(1)
    path = packed(TAR)
    whole, right = path.read_bytes(), contents(path)
    caught = 0
    for _ in range(200):
        changed = bytearray(whole)
        changed[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        try:
            read = contents(path)
        except ValueError:
            caught += 1
        else:
            assert read == right  # the date in the header of gzip, say
    assert caught > 150


HEADERS = range(0, 5 * 1536, 1536)  # where they begin in TAR, 512 bytes each


@pytest.mark.parametrize("at", HEADERS)
def test_a_damaged_header_is_refused_and_does_not_end_the_archive(packed, at):
    changed = bytearray(TAR)
    changed[at + 20] ^= 1
    assert "damaged or cut short: bad checksum" in refused(packed(changed))


def test_whatever_a_header_says_nothing_but_a_value_error_comes_out(packed):
    rng = random.Random(2)
    refusals = 0
    for _ in range(300):
        changed, at = bytearray(TAR), rng.choice(HEADERS)
        for _ in range(rng.randrange(1, 5)):
            changed[at + rng.randrange(512)] = rng.choice([0, 0x80, 0xFF, *b"017 LKxgS"])
        # With a checksum that is right, so that what it says is believed.
        changed[at + 148 : at + 156] = b" " * 8
        changed[at + 148 : at + 156] = b"%06o\0 " % sum(changed[at : at + 512])
        try:
            contents(packed(changed))
        except ValueError:
            refusals += 1
    assert 20 < refusals < 280


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", b"PK\x03\x04", TAR, gzip.compress(b"no tar", mtime=0)],
    ids=["nothing", "words", "zip", "tar without gzip", "gzip without tar"],
)
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(content)
    refused(path)


def test_reading_an_archive_shows_how_far_it_is(packed, bars, capsys):
    path = packed(TAR)
    contents(path, progress=True)
    (bar,) = bars()
    assert (bar.told, bar.total) == (path.stat().st_size, path.stat().st_size)
    assert bar.closed
    capsys.readouterr()
    contents(path)
    assert capsys.readouterr() == ("", "")


def test_an_archive_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        contents(tmp_path / "archive.tar.gz")


# ------------------------------------------------------------------------- IDX


IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 3)).astype(np.uint8)


@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_an_idx_file_is_read_as_it_is_or_compressed(tmp_path, name):
    path = tmp_path / name
    raw = idx(IMAGES)
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    read = read_idx(path, (4, 3))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, IMAGES)


RAW = idx(IMAGES)
BAD_IDX = {
    "nothing": (b"", "ends after 0 of 4"),
    "too short for a magic number": (RAW[:3], "ends after 3 of 4"),
    "another byte order": (RAW[:4][::-1] + RAW[4:], "begins with 03 08 00 00, not 00 00 08 03"),
    "signed bytes": (b"\0\0\x09\x03" + RAW[4:], "begins with 00 00 09 03"),
    "floats": (b"\0\0\x0d\x03" + RAW[4:], "begins with 00 00 0d 03"),
    "labels": (idx(IMAGES[:, 0, 0]), "begins with 00 00 08 01, not 00 00 08 03"),
    "half the sizes": (RAW[:9], "ends after 5 of 12"),
    "another shape": (idx(IMAGES.transpose(0, 2, 1)), r"shape \(5, 3, 4\), not \(n, 4, 3\)"),
    "none": (idx(IMAGES[:0]), "n at least 1"),
    "too short": (RAW[:-1], "ends after 59 of 60"),
    "too long": (RAW + b"!", "goes on after the 60 bytes"),
    "4 billion": (RAW[:4] + b"\xff" * 4 + RAW[8:], "ends after 60 of"),
}


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("what", BAD_IDX)
def test_an_idx_file_that_is_not_as_it_should_be_is_refused(tmp_path, what, compressed):
    raw, words = BAD_IDX[what]
    path = tmp_path / ("images.gz" if compressed else "images")
    path.write_bytes(gzip.compress(raw) if compressed else raw)
    with pytest.raises(ValueError, match=words) as error:
        read_idx(path, (4, 3))
    assert str(path) in str(error.value)


@pytest.mark.parametrize("cut", [1, 8, 20, 30])
def test_a_compressed_idx_file_that_was_cut_short_is_refused(tmp_path, cut):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(RAW)[:-cut])
    with pytest.raises(ValueError, match=r"images\.gz"):
        read_idx(path, (4, 3))


def test_a_compressed_idx_file_with_a_wrong_checksum_is_refused(tmp_path):
    path = tmp_path / "images.gz"
    whole = bytearray(gzip.compress(RAW))
    whole[-8] ^= 1
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="CRC"):
        read_idx(path, (4, 3))
