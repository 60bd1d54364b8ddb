"""The slides: what of a chapter is on them, that each fits its stage, and what keys do."""

import sys

import pytest
import yaml
from bs4 import BeautifulSoup
from built import HTML, ROOT
from playwright.sync_api import expect

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import slides
from slide_cutter import cut, first_sentence, parsed, parts_of_text

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = [name.rpartition("/")[2] for name in slides.chapters(TOC)]
FOLDER = HTML / "book" / "slides"
every_chapter = pytest.mark.parametrize("name", CHAPTERS)

# Of all slides in turn: what is beyond the stage, and how far each was made smaller.
WALK = """() => {
  const found = {beyond: [], smallest: 1, count: deck.getTotalSlides()};
  deck.slide(0, 0);
  for (let k = 0; k < found.count; k += 1) {
    const slide = deck.getCurrentSlide();
    const body = slide.querySelector(".slide-body");
    const right = Math.max(...[...body.children].map((c) => c.getBoundingClientRect().right));
    if (body.getBoundingClientRect().bottom > 720 || right > 1280) {
      found.beyond.push(slide.querySelector("h1, h2").textContent);
    }
    found.smallest = Math.min(found.smallest, Number(slide.dataset.scale));
    deck.next();
  }
  return found;
}"""


def soup(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def words(node):
    return " ".join(node.get_text().split())


class TestContents:
    @every_chapter
    def test_every_figure_formula_and_widget_is_on_one_slide(self, name):
        page, deck = soup(HTML / "book" / f"{name}.html"), soup(FOLDER / f"{name}.html")
        for notes in deck.select("aside.notes"):
            notes.decompose()

        def in_the_text(selector):
            """What is neither folded nor in the exercises."""
            return [
                node
                for node in page.select_one("article").select(selector)
                if not node.find_parent("details") and not node.find_parent(id="exercises")
            ]

        pictures = [image["src"].rpartition("/")[2] for image in in_the_text("img")]
        shown = [image["src"].rpartition("/")[2] for image in deck.select("img")]
        assert set(pictures) <= set(shown)
        assert len(shown) == len(set(shown))
        for selector in (".adam-widget", "div.math"):
            assert len(deck.select(selector)) >= len(in_the_text(selector)), selector
        for image in deck.select("img"):
            assert (FOLDER / image["src"]).exists()
            assert len(image["alt"]) > 40

    @every_chapter
    def test_all_prose_is_in_the_notes(self, name):
        page, deck = soup(HTML / "book" / f"{name}.html"), soup(FOLDER / f"{name}.html")
        said = " ".join(words(notes) for notes in deck.select("aside.notes"))
        chapter = page.select_one("article > section")
        for section in chapter.find_all("section", recursive=False):
            if section.get("id") == "read-on":
                continue
            for paragraph in section.find_all("p", recursive=False):
                assert words(paragraph) in said

    @every_chapter
    def test_solutions_are_for_the_presenter_alone(self, name):
        deck = soup(FOLDER / f"{name}.html")
        notes = [words(each) for each in deck.select("aside.notes")]
        assert sum("Solution" in each for each in notes) >= 3
        for each in deck.select("aside.notes"):
            each.decompose()
        assert deck.select("details, .feedback-right") == []

    def test_the_instructors_plan_comes_first_in_the_notes(self):
        notes = soup(FOLDER / "02_algorithm.html").select_one("aside.notes")
        assert words(notes).startswith("The chapter takes 25 minutes to read. One idea.")
        assert "They get wrong" in words(notes)

    @every_chapter
    def test_no_file_of_it_is_missing_or_elsewhere(self, name):
        deck = soup(FOLDER / f"{name}.html")
        for node in deck.select("script[src], img[src], link[href]"):
            address = node.get("src") or node["href"]
            assert (FOLDER / address).exists(), address
        for link in deck.select("a[href]"):
            file = link["href"].partition("#")[0]
            assert file.startswith("https:") or (FOLDER / file).exists(), file

    @every_chapter
    def test_the_chapter_has_a_button_that_leads_to_them(self, name):
        page = soup(HTML / "book" / f"{name}.html")
        assert page.select(f'.article-header-buttons a[href="slides/{name}.html"]')


class TestCutting:
    PAGE = """<article><section><h1>One</h1><p>Promise.</p><p><em>About 5 minutes to read.</em></p>
        <section><h2>Two</h2><p>First idea. More words.</p>
        <div class="cell"><div class="cell_input"><pre>x = 1</pre></div></div>
        <div class="cell tag_no-slide"><div class="cell_input"><pre>secret = 2</pre></div></div>
        <div class="cell"><div class="cell_output"><img alt="a" src="a.png"/></div></div>
        <p>Look here. And there.</p><p>Then <strong>this is what stays</strong>, or a
        <strong>term</strong>.</p></section></section></article>"""

    def test_a_slide_has_what_is_to_stay_and_its_notes_have_all(self):
        (title,), (second, figure) = cut(parsed(self.PAGE))
        assert (title.heading, second.heading) == ("One", "Two")
        assert "minutes to read" not in "".join(title.body)
        assert second.body[0] == "<p class='statement'>First idea.</p>"
        assert "x = 1" in second.body[1]
        assert figure.body[0].startswith("<img")
        assert figure.body[1:] == [
            "<p class='caption'>Look here.</p>", "<p class='point'>this is what stays</p>"
        ]  # fmt: skip
        assert "More words." in second.notes[0]
        assert [words(parsed(note))[:9] for note in figure.notes] == ["Look here", "Then this"]
        assert "secret" not in str([title, second, figure])

    @pytest.mark.parametrize(
        ("paragraph", "sentence"),
        [
            ("One. Two.", "One."),
            ("A rate of 0.5 is small. Two.", "A rate of 0.5 is small."),
            ("With <b>bold. Text</b> inside. Two.", "With <b>bold. Text</b> inside."),
            ("No end", "No end"),
            ("Is it? Yes.", "Is it?"),
        ],
    )
    def test_a_sentence_ends_where_the_next_begins(self, paragraph, sentence):
        assert first_sentence(parsed(f"<p>{paragraph}</p>").p) == sentence

    def test_long_code_is_cut_at_an_empty_line(self):
        lines = [f"a{k}" for k in range(6)] + [""] + [f"b{k}" for k in range(6)]
        pre = parsed("<pre>{}</pre>".format("\n".join(lines))).pre
        first, second = parts_of_text(pre, 8)
        assert first.split("\n") == lines[:6]
        assert second.split("\n") == lines[7:]


class TestInABrowser:
    @every_chapter
    def test_every_slide_fits_its_stage(self, name, visit):
        visited = visit((FOLDER / f"{name}.html").as_uri(), height=720)
        visited.page.wait_for_function("() => window.deck?.isReady()")
        found = visited.page.evaluate(WALK)
        assert found["beyond"] == []
        assert found["smallest"] > 0.6, "else it cannot be read from the last row"
        assert found["count"] > 15
        assert visited.page.locator("mjx-container").count() > 0
        assert visited.errors == []
        assert visited.outside == []

    def test_keys_go_on_and_an_explorers_keys_are_its_own(self, visit, served):
        visited = visit(f"{served}/book/slides/01_introduction.html", height=720)
        page = visited.page
        page.wait_for_function("() => window.deck?.isReady()")
        where = "() => [deck.getIndices().h, deck.getIndices().v].join()"
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert page.evaluate(where) == "2,0"
        page.keyboard.press("ArrowLeft")
        assert page.evaluate(where) == "1,0"
        place = page.evaluate(
            """() => {
                const slide = document.querySelector(".adam-explorer").closest("section");
                const {h, v} = deck.getIndices(slide);
                deck.slide(h, v);
                return [h, v].join();
            }"""
        )
        explorer = page.locator(".adam-explorer").first
        before = explorer.locator(".adam-step").inner_text()
        explorer.get_by_label("Step", exact=True).press("ArrowRight")
        expect(explorer.locator(".adam-step")).not_to_have_text(before)
        explorer.locator(".adam-handle").press("ArrowRight")
        assert page.evaluate(where) == place
        assert visited.errors == []

    def test_n_shows_the_notes_beside_the_slide(self, visit):
        page = visit((FOLDER / "02_algorithm.html").as_uri(), height=720).page
        page.wait_for_function("() => window.deck?.isReady()")
        notes = page.locator(".speaker-notes")
        expect(notes).to_be_hidden()
        page.keyboard.press("n")
        expect(notes).to_be_visible()
        expect(notes).to_contain_text("One idea.")
        page.keyboard.press("n")
        expect(notes).to_be_hidden()

    def test_s_opens_the_presenters_window(self, visit, served):
        page = visit(f"{served}/book/slides/02_algorithm.html", height=720).page
        page.wait_for_function("() => window.deck?.isReady()")
        with page.context.expect_page() as opened:
            page.keyboard.press("s")
        expect(opened.value.locator(".speaker-controls-notes .value")).to_contain_text("One idea.")
