"""The book on paper: what is printed, where it stands, and that nothing half-made is left."""

import io
import re
import subprocess
import sys
import unicodedata

import pytest
import yaml
from bs4 import BeautifulSoup
from built import HTML, ROOT
from pypdf import PdfReader

from tools.printing import manuscript, press
from tools.printing.press import PrintingError, launched, print_document
from tools.printing.settings import settings_of

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
NAMES = [file["file"].rpartition("/")[2] for part in TOC["parts"] for file in part["chapters"]]
PRINTED = [name for name in NAMES if name not in manuscript.LEFT_OUT]
CHAPTERS = [name for name in NAMES if re.match(r"\d", name)]


def page(name):
    text = (HTML / "book" / f"{name}.html").read_text(encoding="utf-8")
    return BeautifulSoup(text, "html.parser").select_one("article.bd-article")


def headline(node):
    for mark in node.select(".headerlink"):
        mark.decompose()
    return node.get_text(" ", strip=True)


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """All pages as one, as it goes to print."""
    target = tmp_path_factory.mktemp("document") / "print" / "index.html"
    text = manuscript.document(ROOT, HTML, "<p>Front</p>", target, "A book").read_text("utf-8")
    return BeautifulSoup(text, "html.parser")


@pytest.fixture(scope="module")
def printed(chromium, tmp_path_factory):
    """The whole book, printed."""
    target = tmp_path_factory.mktemp("printed") / "book.pdf"
    subprocess.run([sys.executable, "tools/pdf.py", target], cwd=ROOT, check=True)
    return PdfReader(io.BytesIO(target.read_bytes()))


class TestDocument:
    def test_has_every_page_in_order_and_the_solutions_last(self, document):
        pages = [section["id"] for section in document.select("section.page")]
        assert pages == ["index", *PRINTED, "solutions"]

    def test_every_link_inside_leads_somewhere_and_no_id_stands_twice(self, document):
        ids = [node["id"] for node in document.find_all(id=True)]
        assert len(ids) == len(set(ids))
        inside = {link["href"][1:] for link in document.select('a[href^="#"]')}
        assert inside - set(ids) == set()
        assert len(inside) > 200
        targets = {place["data-of"] for place in document.select(".page-of")}
        assert targets - set(ids) == set()
        # All others lead to the web, none to a file.
        others = {a["href"] for a in document.select("a[href]") if not a["href"].startswith("#")}
        assert {href for href in others if not href.startswith(("https:", "http:"))} == set()

    @pytest.mark.parametrize("name", CHAPTERS)
    def test_has_every_figure_claim_and_formula_of_a_chapter(self, document, name):
        source, here = page(name), document.find(id=name)
        solutions = document.find(id=f"solutions--{name}")

        def count(selector):
            both = [part for part in (here, solutions) if part]
            return len(source.select(selector)), sum(len(part.select(selector)) for part in both)

        for selector in ("img", ".claim", "div.math", "table", ".feedback", ".adam-explorer"):
            found, kept = count(selector)
            assert found == kept, selector
        places = [HTML / img["src"].removeprefix("../html/") for img in here.select("img")]
        assert all(place.exists() for place in places)

    @pytest.mark.parametrize("name", CHAPTERS)
    def test_has_the_solution_of_every_exercise_at_its_end(self, document, name):
        exercises = page(name).select("section#exercises > section")
        titles = [headline(exercise.find("h3")) for exercise in exercises]
        assert titles
        there = document.find(id=f"solutions--{name}")
        solved = [h3.get_text(strip=True) for h3 in there.find_all("h3") if h3.find("a")]
        assert solved == titles
        here = document.find(id=f"{name}--exercises")
        for exercise in here.find_all("section", recursive=False):
            assert exercise.find("details") is None
            (lead,) = exercise.select(".to-solution")
            solution = document.find(id=lead.a["href"][1:])
            assert solution.find("h3").a["href"] == f"#{exercise['id']}"
            assert len(solution.get_text(strip=True)) > len(solution.find("h3").get_text()) + 20

    @pytest.mark.parametrize("name", CHAPTERS)
    def test_has_every_quiz_with_its_answer_elsewhere(self, document, name):
        asked = page(name).select('[data-adam-widget="quiz"]')
        here = document.find(id=name).select(".printed-quiz")
        assert len(asked) == len(here) > 0
        for quiz in here:
            answer = document.find(id=quiz.select_one(".to-solution a")["href"][1:])
            assert answer.find_parent(id="solutions")
            assert len(answer.select("li")) == len(quiz.select("li"))
            assert "Right." in answer.get_text()
            assert "Right." not in quiz.get_text()

    def test_leaves_out_folded_code_and_keeps_its_output(self, document):
        assert document.select("details, button, script[src*=copybutton]") == []
        text = document.get_text()
        for words in ("Show the code", "Hide the code", "Show the solution"):
            assert words not in text

    def test_says_what_an_explorer_is_set_to(self, document):
        for widget in document.select("section.page .adam-widget"):
            assert "printed-settings" in widget.find_next_sibling("p")["class"]


# An explorer on a quadratic, with noise.
STATE = {
    "landscape": "quadratic", "condition": 100.0, "rotation": 45.0, "start": [4.0, -3.0],
    "steps": 300, "step": 60, "rules": ["Adam", "Momentum"], "learning_rate": 0.1,
    "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "momentum": 0.9, "weight_decay": 0.01,
    "noise": 0.0, "sparsity": 0.5, "seed": 3, "settings": {"Momentum": {"learning_rate": 0.01}},
}  # fmt: skip


class TestSettings:
    def test_of_an_explorer_are_those_of_its_rules(self):
        assert settings_of("explorer", STATE) == (
            "Quadratic bowl of condition 100, turned by 45°; from (4, −3) 300 steps, step 60 "
            "marked; sparsity 0.5, seed 3. Adam: α = 0.1, β₁ = 0.9, β₂ = 0.999, ε = 1e−8. "
            "Momentum: α = 0.01, momentum = 0.9."
        )

    def test_of_a_microscope_are_adams(self):
        state = STATE | {"gradients": [1.0, 2.0], "step": 1}
        assert settings_of("microscope", state).startswith("Step 1 of 2. Adam: α = 0.1,")

    def test_of_a_quiz_there_are_none(self):
        assert settings_of("quiz", {}) == ""


def pages_of_pdf(printed):
    """The index of the page of everything that something leads to."""
    return {
        name.lstrip("/"): printed.get_destination_page_number(place)
        for name, place in printed.named_destinations.items()
    }


def text_of(printed, index):
    """The words of a page, its ligatures taken apart."""
    return unicodedata.normalize("NFKC", printed.pages[index].extract_text())


class TestPrinted:
    def test_is_tagged_and_has_a_language_and_a_title(self, printed):
        root = printed.trailer["/Root"]
        assert root["/MarkInfo"]["/Marked"]
        assert root["/Lang"] == "en"
        assert printed.metadata.title.startswith("The Adam course")

    def test_has_an_outline_with_every_chapter_in_order(self, printed, document):
        wanted = [h1.get_text(" ", strip=True) for h1 in document.select("section.page h1")]
        top = [entry.title for entry in printed.outline if not isinstance(entry, list)]
        assert top == ["The Adam course", "Contents", *wanted]

    def test_words_in_its_outline_are_those_of_the_headings(self, printed, document):
        def flat(entries):
            for entry in entries:
                yield from flat(entry) if isinstance(entry, list) else [entry.title]

        # Where a heading breaks, Chromium joins two words.
        headings = {" ".join(h.get_text().split()) for h in document.select("h1, h2, h3, h4")}
        plain = {title for title in headings if "\\(" not in title}
        found = set(flat(printed.outline))
        assert plain - {" ".join(title.split()) for title in found} == set()

    def test_contents_name_the_page_on_which_each_heading_stands(self, printed, document):
        contents = "".join(f"{text_of(printed, k)}\n" for k in range(1, 5))
        for name in (*CHAPTERS, "solutions"):
            title = document.find(id=name).find("h1").get_text(" ", strip=True)
            number = int(re.search(rf"{re.escape(title)}\s*(\d+)\n", contents)[1])
            there = text_of(printed, number - 1)
            assert re.match(rf"{number}\s*{re.escape(title)}\n", there), "the footer, the heading"
        assert "000" not in contents

    def test_solutions_are_on_the_page_that_the_exercise_names(self, printed):
        places = pages_of_pdf(printed)
        exercise = "02_algorithm--a-half-life-of-your-choice"
        here = text_of(printed, places[exercise])
        number = int(re.search(r"Solution, page (\d+)", here)[1])
        assert places[f"solutions--{exercise}"] == number - 1
        assert "2.1 A half-life of your choice" in text_of(printed, number - 1)

    def test_explorers_are_drawn_and_cannot_be_turned(self, printed):
        first = pages_of_pdf(printed)["index"]
        found = [k for k in (first, first + 1) if "Lowest after 200" in text_of(printed, k)]
        words = text_of(printed, found[0])
        assert "GradientDescent: α = 0.01" in words, "the settings"
        assert len(printed.pages[found[0]].images) >= 4 + 3, "the panels, and the legend's lines"
        for control in ("Play", "Copy link", "Settings of", "Same as all", "Learning rate α"):
            assert control not in words

    def test_formulas_are_typeset(self, printed):
        first = pages_of_pdf(printed)["02_algorithm"]
        words = "".join(text_of(printed, first + k) for k in range(3))
        assert "exponential moving average" in words
        assert "\\(" not in words
        assert "\\beta" not in words


class TestPrinting:
    @pytest.fixture
    def small(self, tmp_path):
        def write(body):
            path = tmp_path / "small.html"
            path.write_text(
                f"<!DOCTYPE html><html lang=en><title>t</title><script>MathJax = {{startup: "
                f"{{promise: Promise.resolve()}}}}</script>{body}</html>",
                encoding="utf-8",
            )
            return path

        return write

    BODY = '<h1 id="a">A</h1><p><a href="#a"><span class="page-of" data-of="a">000</span></a></p>'

    def test_fills_in_the_pages(self, chromium, small, tmp_path):
        print_document(small(self.BODY), tmp_path / "small.pdf", chromium)
        assert "000" not in PdfReader(tmp_path / "small.pdf").pages[0].extract_text()

    def test_refuses_what_asks_for_something_outside_and_leaves_nothing(
        self, chromium, small, tmp_path
    ):
        page = small(f'{self.BODY}<img src="https://example.org/a.png">')
        with pytest.raises(PrintingError, match=r"asked for https://example.org/a.png"):
            print_document(page, tmp_path / "small.pdf", chromium)
        assert [path.name for path in tmp_path.iterdir()] == ["small.html"]

    def test_an_interrupt_leaves_what_was_there(self, chromium, small, tmp_path, monkeypatch):
        target = tmp_path / "small.pdf"
        target.write_bytes(b"the last one")

        def interrupted(*arguments):
            raise KeyboardInterrupt

        calls = []
        monkeypatch.setattr(
            press,
            "pages_of",
            lambda pdf: calls.append(1) or (interrupted() if calls[1:] else {"a": 1}),
        )
        with pytest.raises(KeyboardInterrupt):
            print_document(small(self.BODY), target, chromium)
        assert len(calls) == 2, "after the second printing"
        assert target.read_bytes() == b"the last one"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["small.html", "small.pdf"]

    def test_without_a_browser_it_says_so(self, monkeypatch):
        monkeypatch.setattr(press, "find_chromium", lambda: None)
        with pytest.raises(PrintingError, match="install it, or set CHROMIUM"), launched():
            pass

    def test_a_book_that_was_not_built_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"index\.html is not there: build the book"):
            manuscript.pages(ROOT, tmp_path)
