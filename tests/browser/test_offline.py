"""The zip of the book: it is whole, it is the same each time, and unpacked it works from disk."""

import datetime
import os
import zipfile

import pytest
from bs4 import BeautifulSoup, SoupStrainer
from built import HTML, ROOT, pages
from playwright.sync_api import expect

from tools import offline_zip
from tools.offline_zip import FOLDER, pack

DATE = datetime.date(2026, 1, 2)


@pytest.fixture(scope="module")
def zipped(tmp_path_factory):
    path = tmp_path_factory.mktemp("zip") / "book.zip"
    pack(HTML, path, DATE)
    return path


@pytest.fixture(scope="module")
def folder(zipped, tmp_path_factory):
    """Where a reader unpacks it."""
    place = tmp_path_factory.mktemp("My Bücher")
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(place)
    return place / FOLDER


def test_it_has_all_pages_and_the_licence_in_one_folder(zipped):
    with zipfile.ZipFile(zipped) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0] for name in names} == {FOLDER}
    assert f"{FOLDER}/LICENSE" in names
    wanted = {f"{FOLDER}/{page.relative_to(HTML).as_posix()}" for page in pages()}
    assert wanted | {f"{FOLDER}/index.html", f"{FOLDER}/search.html"} <= set(names)
    assert not [name for name in names if name.endswith((".buildinfo", ".zip", ".pdf"))]


def test_the_same_pages_give_the_same_file(zipped, tmp_path):
    pack(HTML, tmp_path / "again.zip", DATE)
    assert (tmp_path / "again.zip").read_bytes() == zipped.read_bytes()


def test_what_is_not_built_is_named_and_nothing_is_left(tmp_path):
    target = tmp_path / "book.zip"
    target.write_bytes(b"the last one")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="build the book first"):
        pack(tmp_path / "empty", target, DATE)
    assert target.read_bytes() == b"the last one"


def test_an_interrupt_leaves_what_was_there(tmp_path, monkeypatch):
    target = tmp_path / "book.zip"
    target.write_bytes(b"the last one")

    def interrupted(built):
        class Interrupted(dict):
            def items(self):
                yield "index.html", HTML / "index.html"
                raise KeyboardInterrupt

        return Interrupted()

    monkeypatch.setattr(offline_zip, "members", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack(HTML, target, DATE)
    assert target.read_bytes() == b"the last one"
    assert os.listdir(tmp_path) == ["book.zip"]


def test_every_link_and_file_of_every_page_is_in_it(folder):
    wanted = SoupStrainer(["a", "img", "link", "script"])
    missing = set()
    for path in folder.rglob("*.html"):
        for node in BeautifulSoup(path.read_text("utf-8"), "html.parser", parse_only=wanted):
            address = (node.get("href") or node.get("src") or "") if node.name else ""
            file = address.partition("#")[0].partition("?")[0]
            if not file or "://" in file or file.startswith(("mailto:", "data:", "javascript:")):
                continue
            if not (path.parent / file).exists():
                missing.add((path.name, file))
    assert missing == set()


def test_unpacked_it_works_from_disk(folder, visit):
    visited = visit((folder / "index.html").as_uri())
    page = visited.page
    page.wait_for_url("**/book/index.html")
    expect(page.locator(".adam-explorer canvas").first).to_be_visible()
    page.get_by_role("link", name="Adam against gradient descent").first.click()
    page.wait_for_url("**/07_adam_vs_gradient_descent.html")
    expect(page.locator("mjx-container").first).to_be_attached()
    explorer = page.locator(".adam-explorer").first
    before = explorer.locator(".adam-step").inner_text()
    explorer.get_by_label("Step", exact=True).press("ArrowLeft")
    expect(explorer.locator(".adam-step")).not_to_have_text(before)
    images = page.locator("article img")
    for k in range(images.count()):
        images.nth(k).scroll_into_view_if_needed()
        assert images.nth(k).evaluate("i => i.decode().then(() => i.naturalWidth > 0)")
    assert visited.errors == []
    # From disk the search finds pages; what it would show of them browsers do not let it read.
    page.goto((folder / "search.html").as_uri() + "?q=sparse")
    expect(page.locator("#search-results li", has_text="Sparse gradients").first).to_be_visible()
    assert visited.outside == []


def test_make_packs_it_and_prints_where(monkeypatch, tmp_path, capsys):
    offline_zip.main([str(tmp_path / "book.zip")])
    assert str(tmp_path / "book.zip") in capsys.readouterr().out
    assert zipfile.is_zipfile(tmp_path / "book.zip")
    monkeypatch.setattr(offline_zip, "BUILT", tmp_path / "nowhere")
    with pytest.raises(SystemExit, match=r"not packed: .*index\.html is not there"):
        offline_zip.main([str(tmp_path / "book.zip")])
    assert ROOT.exists()
