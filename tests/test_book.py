"""The built book: complete, linked, needing no network, showing what the notebooks store."""

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup
from built import HTML, ROOT, STAMP, pages, sources

from adam_course.widgets import sliders as sliders_of
from tools.notebooks import METADATA, chapters
from tools.outputs import claims, pictures

PAGES = pages()


@pytest.fixture(scope="session", autouse=True)
def built_book():
    assert STAMP.exists(), "the book is not built: run `make book`"
    newer = [path.name for path in sources() if path.stat().st_mtime > STAMP.stat().st_mtime]
    assert not newer, f"the book is older than {newer}: run `make book`"


def soup(page):
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def every_page():
    return sorted(HTML.rglob("*.html"))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
class TestPage:
    def test_is_built(self, page):
        assert page.is_file()

    def test_loads_nothing_from_elsewhere(self, page):
        """Links may lead out; nothing that a browser loads by itself may come from there."""
        document = soup(page)
        loaded = [node.get("src") for node in document.find_all(src=True)]
        loaded += [
            node["href"]
            for node in document.find_all("link", href=True)
            if not {"canonical", "author", "license"} & set(node.get("rel", []))
        ]
        styles = " ".join(node.get_text() for node in document.find_all("style"))
        loaded += re.findall(r"url\(['\"]?([^'\")]+)", styles)
        scripts = " ".join(node.get_text() for node in document.find_all("script", src=False))
        loaded += re.findall(r"(?:import|fetch|src\s*=)\s*\(?['\"](https?:)?//[^'\"]+", scripts)
        outside = [url for url in loaded if url and re.match(r"(https?:)?//", url)]
        assert outside == []

    def test_has_links_that_lead_somewhere(self, page):
        document = soup(page)
        for node in document.select("main a[href], nav a[href]"):
            target = urlsplit(node["href"])
            if target.scheme or target.netloc:
                continue
            file = (page.parent / unquote(target.path)).resolve() if target.path else page
            assert file.is_file(), f"{node['href']} of {page.name}"
            if target.fragment and file.suffix == ".html":
                there = document if file == page else soup(file)
                anchor = unquote(target.fragment)
                assert there.find(id=anchor) or there.find(attrs={"name": anchor}), node["href"]

    def test_says_what_its_images_show(self, page):
        for image in soup(page).select("article img"):
            assert len(image.get("alt", "")) >= 40, image.get("src")

    def test_has_one_title(self, page):
        assert len(soup(page).select("article h1")) == 1


def test_the_first_page_leads_to_the_book():
    first = HTML / "index.html"
    assert first.is_file()
    refresh = soup(first).find("meta", attrs={"http-equiv": re.compile("refresh", re.I)})
    target = refresh["content"].split("url=")[1].strip("'\" ")
    assert (HTML / target) == PAGES[0]


def test_style_sheets_load_nothing_from_elsewhere():
    for sheet in HTML.rglob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.S)
        assert not re.search(r"(@import\s+|url\()\s*['\"]?(https?:)?//", text), sheet.name


def test_mathematics_comes_from_the_book_itself():
    for page in PAGES:
        scripts = [node["src"] for node in soup(page).find_all("script", src=True)]
        mathjax = [src for src in scripts if "mathjax" in src]
        if soup(page).select(".math"):
            assert mathjax, page.name
        for src in mathjax:
            assert (page.parent / src.split("?")[0]).is_file()


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_shows_what_the_notebook_stores(path):
    """What is rendered is what was tested: every claim, picture and printed word."""
    notebook = nbformat.read(path, as_version=4)
    page = HTML / "book" / f"{path.stem}.html"
    document = soup(page)
    text = " ".join(document.get_text().split())
    outputs = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
    for claim in claims(outputs):
        assert " ".join(claim["sentence"].split()) in text
    for output in outputs:
        if output.output_type == "stream":
            assert " ".join(output.text.split()) in text
    stored = {len(png) for png in pictures(outputs)}
    shown = [
        (page.parent / image["src"]).resolve() for image in document.select(".cell_output img")
    ]
    assert {file.stat().st_size for file in shown} == stored


@pytest.fixture(scope="module")
def small_book(tmp_path_factory):
    """A copy of the project with two pages, one of which warns."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("_config.yml", "Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "book" / "_ext", copy / "book" / "_ext")
    shutil.copytree(ROOT / "book" / "_static", copy / "book" / "_static")
    shutil.copy(ROOT / "book" / "references.bib", copy / "book")
    (copy / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nparts:\n  - chapters:\n      - file: book/page\n"
    )
    (copy / "book" / "index.md").write_text("# Book\n\nA page.\n")
    # The environment is this one: the set-up has nothing to do.
    environment = Path(sys.prefix)
    (copy / ".venv").symlink_to(environment)
    ready = environment / ".ready"
    if ready.exists():
        for name in ("requirements.txt", "pyproject.toml"):
            shutil.copystat(ROOT / name, copy / name)
    return copy


class TestWarnings:
    """A warning fails the build, and fails it again."""

    def build(self, book):
        return subprocess.run(
            ["make", "-o", ".venv/.ready", "book"], cwd=book, capture_output=True, text=True
        )

    @pytest.mark.parametrize(
        ("page", "complaint"),
        [
            ("# Page\n\nAn {unknown}`role`.\n", "unknown"),
            ("# Page\n\n[Nowhere](nowhere.md)\n", "nowhere"),
            ("# Page\n\n![a](_static/adam.png)\n", "alternative text"),
            ("# Page\n\nAs {cite:t}`nobody` showed.\n", "nobody"),
        ],
        ids=["unknown role", "broken link", "no alternative text", "unknown citation"],
    )
    def test_fail_the_build_each_time(self, small_book, page, complaint):
        (small_book / "book" / "page.md").write_text(page)
        for _ in range(2):
            run = self.build(small_book)
            assert run.returncode != 0
            assert complaint in html.unescape(run.stdout + run.stderr)

    def test_gone_the_build_passes_and_is_not_repeated(self, small_book):
        (small_book / "book" / "page.md").write_text("# Page\n\nNothing wrong here.\n")
        first = self.build(small_book)
        assert first.returncode == 0, first.stdout + first.stderr
        assert "Open " in first.stdout
        again = self.build(small_book)
        assert again.returncode == 0
        assert "building" not in again.stdout


def test_sliders_leave_a_sentence_and_their_last_picture(small_book):
    sliders = sliders_of(lambda rate: [rate * step for step in range(5)], rate=(1, 9, 3))
    data = {
        kind: form for kind, form in sliders._repr_mimebundle_().items() if "widget" not in kind
    }
    cell = nbformat.v4.new_code_cell("sliders", execution_count=1)
    cell.outputs = [nbformat.v4.new_output("display_data", data=data)]
    cell.metadata["mystnb"] = {
        "image": {"alt": "A straight line, rising by three a step to twelve."}
    }
    notebook = nbformat.v4.new_notebook(
        metadata=METADATA, cells=[nbformat.v4.new_markdown_cell("# Page"), cell]
    )
    page = small_book / "book" / "page.ipynb"
    (small_book / "book" / "page.md").unlink(missing_ok=True)
    nbformat.write(notebook, page)
    try:
        run = subprocess.run(
            ["make", "-o", ".venv/.ready", "book"], cwd=small_book, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stdout + run.stderr
        built = soup(small_book / "_build" / "html" / "book" / "page.html")
        assert "make lab" in built.select_one("p.adam-sliders").get_text()
        (picture,) = built.select(".cell_output img")
        assert picture["alt"].startswith("A straight line")
    finally:
        page.unlink()
