"""The glossary holds the chapters' terms, the chapters lead to it, and the index to both."""

import json
import os
import re
import subprocess
import sys
from functools import cache

import nbformat
import pytest
from bs4 import BeautifulSoup
from built import HTML, ROOT, STAMP

import adam_course
from adam_course import Adam
from tools.notebooks import METADATA, chapters

EXTENSIONS = ROOT / "book" / "_ext"
sys.path.insert(0, str(EXTENSIONS))
from glossary_links import Glossary, plain, read_glossary  # noqa: E402
from package_names import imported  # noqa: E402

SOURCE = ROOT / "book" / "glossary.md"
GLOSSARY = read_glossary(SOURCE)
ENTRIES = GLOSSARY.entries
CHAPTERS = chapters()
LINKS = "article a.glossary-term"
# More chapters than these in a line of the index help nobody to find the right one.
MANY = 8

# Bold phrases of three words or fewer that nobody looks up, and why not.
NOT_TERMS = {
    "letters out of which a name is made": {"ada", "m"},
    "a sentence or a part of one that wants to be heard": {
        "Adam wins",
        "Different curvatures do",
        "It grows",
        "selection flatters",
        "which way",
        "how large",
        "new dict",
        "last",
        "ten examples",
    },
    "a name that the paragraph around it uses": {
        "the limit",
        "for-loop",
        "call",
        "one flat buffer",
    },
    "the first words of an item in a list": {
        "Eight bits",
        "Factors",
        "A budget",
        "One start",
        "Two dimensions",
        "No noise",
        "after a drop",
        "Names",
        "All or nothing",
        "By the logits",
        "The same, rmsprop.md",
        "labml, adam.py",
        "labml, radam.py",
    },
    "a part of one picture": {"wall", "diagonal edge"},
    "a button": {"Play"},
}


def by_name(items):
    return {"argvalues": items, "ids": [item.terms[0] for item in items]}


@cache
def cells(path, kind):
    """The sources of a notebook's cells of one kind."""
    found = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in found if cell.cell_type == kind]


def markdown(path):
    """The text of a notebook."""
    return "\n\n".join(cells(path, "markdown"))


def bold(path):
    """The bold phrases of a notebook, in its order."""
    return [plain(phrase) for phrase in re.findall(r"\*\*(.+?)\*\*", markdown(path), re.S)]


def sentences(entry):
    """The sentences of a definition, as they are written."""
    block = re.search(rf"^{re.escape(entry.terms[-1])}\n((?:  .+\n?)+)", SOURCE.read_text(), re.M)
    text = re.sub(r"{introduced}`[^`]+`", "", block[1])
    return re.split(r"(?<=[.])\s+", plain(text))


class TestPage:
    def test_is_sorted(self):
        names = [entry.terms[0].lower() for entry in ENTRIES]
        assert names == sorted(names)
        assert len(names) >= 70

    def test_has_each_form_once(self):
        forms = [form.lower() for entry in ENTRIES for form in entry.forms]
        assert len(forms) == len(set(forms))

    @pytest.mark.parametrize("entry", **by_name(ENTRIES))
    def test_defines_in_one_to_three_sentences(self, entry):
        assert 1 <= len(sentences(entry)) <= 3

    @pytest.mark.parametrize("entry", **by_name(ENTRIES))
    def test_begins_with_a_sentence_that_fits_a_tooltip(self, entry):
        first = sentences(entry)[0]
        assert first.endswith(".")
        assert len(first) <= 160
        assert not re.search(r"[$`{}]", re.sub(r"{term}`([^`<]+?)( <[^`]+>)?`", r"\1", first))

    def test_states_the_defaults_of_adam(self):
        for name in ("beta1", "beta2", "epsilon"):
            entry = GLOSSARY.entry(name)
            (stated,) = re.findall(r"default is (\S+)\.", " ".join(sentences(entry)) + " ")
            power = re.fullmatch(r"\$10\^\{(-\d+)\}\$", stated)
            assert (10.0 ** int(power[1]) if power else float(stated)) == getattr(Adam(), name)


class TestTerms:
    @pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
    def test_that_a_chapter_has_in_bold_are_in_the_glossary(self, path):
        """Else define the term, or say above why nobody looks it up."""
        known = set().union(*NOT_TERMS.values())
        missing = [
            phrase
            for phrase in (phrase.strip(" .:") for phrase in bold(path))
            if len(phrase.split()) <= 3 and "$" not in phrase
            if phrase not in known and GLOSSARY.entry(phrase) is None
        ]
        assert missing == []

    def test_that_are_none_stand_in_some_chapter(self):
        phrases = {phrase.strip(" .:") for path in CHAPTERS for phrase in bold(path)}
        phrases |= {part.strip(" .") for phrase in phrases for part in phrase.split(". ")}
        assert set().union(*NOT_TERMS.values()) <= phrases

    @pytest.mark.parametrize("entry", **by_name(ENTRIES))
    def test_are_used_in_every_form(self, entry):
        texts = [markdown(path) for path in CHAPTERS]
        for form in entry.forms[len(entry.terms) :]:
            one = Glossary(f"```{{glossary}}\n{form}\n  What.\n```")
            assert any(one.mentions(text) for text in texts), form
        assert any(entry in GLOSSARY.mentions(text) for text in texts)

    @pytest.mark.parametrize(
        ("phrase", "term"),
        [
            ("Half-lives", "half-life"),
            ("ghost updates", "ghost update"),
            ("AdamW.", "AdamW"),
            ("Zipf’s law", "Zipf's law"),
            ("held\nout", "held-out start"),
            ("half", None),
            ("half-life-long", None),
            ("a half-life", None),
        ],
    )
    def test_are_known_in_plural_capitals_and_other_print(self, phrase, term):
        entry = GLOSSARY.entry(phrase)
        assert (entry and entry.terms[0]) == term

    def test_are_not_found_inside_longer_ones(self):
        found = GLOSSARY.mentions("Sign descent, gradient descent; a sub-step; $m_t = \\beta_1 m$.")
        assert [entry.terms[0] for entry in found] == ["sign descent", "gradient descent", "beta1"]


@cache
def page(name):
    """A page of the built book."""
    assert STAMP.exists(), "the book is not built: run `make book`"
    return BeautifulSoup((HTML / "book" / name).read_text(encoding="utf-8"), "html.parser")


@cache
def definitions():
    """anchor -> (term, text of its definition), as the built glossary has them."""
    found = {}
    for term in page("glossary.html").select("dl.glossary dt"):
        definition = plain(term.find_next("dd").get_text())
        found[term["id"]] = (plain(term.find(string=True)), definition)
    return found


def chapter_of(link):
    """(page, element) that a link of the glossary or the index leads to."""
    name, _, anchor = link["href"].partition("#")
    return name, page(name).find(id=anchor)


class TestChapters:
    @pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
    def test_link_the_first_bold_mention_of_each_term(self, path):
        entries = filter(None, map(GLOSSARY.entry, bold(path)))
        expected = [entry.terms[0] for entry in dict.fromkeys(entries)]
        links = page(f"{path.stem}.html").select("article a.glossary-term")
        assert [
            definitions()[link["href"].removeprefix("glossary.html#")][0] for link in links
        ] == (expected)
        for link, term in zip(links, expected):
            (strong,) = link.find_all(recursive=False)
            assert strong.name == "strong"
            assert GLOSSARY.entry(strong.get_text()).terms[0] == term

    def test_together_link_many_terms(self):
        links = [link for path in CHAPTERS for link in page(f"{path.stem}.html").select(LINKS)]
        assert len({link["href"] for link in links}) >= 35

    @pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
    def test_show_the_first_sentence_of_the_definition(self, path):
        for link in page(f"{path.stem}.html").select(LINKS):
            _, definition = definitions()[link["href"].partition("#")[2]]
            assert link["title"].endswith(".")
            assert definition.startswith(plain(link["title"]))
            assert ". " not in link["title"]

    def test_alone_have_such_links(self):
        for name in ("index.html", "notation.html", "glossary.html", "genindex.html"):
            assert not page(name).select(LINKS)


class TestPlaces:
    def test_are_linked_from_every_definition(self):
        for definition in page("glossary.html").select("dl.glossary dd"):
            links = definition.select("a.glossary-place")
            assert links, definition.get_text()
            for link in links:
                assert re.match(r"Chapter \d+, |Conventions, |Errata, ", link.get_text())
                assert chapter_of(link)[1].name == "section"

    @pytest.mark.parametrize("entry", **by_name(ENTRIES))
    def test_are_sections_that_have_the_term(self, entry):
        (anchor,) = [key for key, (term, _) in definitions().items() if term == entry.terms[0]]
        places = page("glossary.html").find(id=anchor).find_next("dd").select("a.glossary-place")
        assert len(places) == len(entry.places)
        texts = [chapter_of(link)[1].get_text() for link in places]
        assert any(entry in GLOSSARY.mentions(text) for text in texts)


@cache
def lines():
    """word -> the line of the index that it begins; names of the package end with ()."""
    found = {}
    for line in page("genindex.html").select("ul.index-list > li"):
        code = line.p.find(recursive=False).name == "code"
        word = plain(line.p.find(recursive=False).get_text()) + "()" * code
        assert word not in found
        found[word] = line
    return found


def listed(word):
    """(page, element) -> whether in bold, of what a line of the index leads to."""
    links = lines()[word].select("a.index-chapter")
    return [(*chapter_of(link), "index-main" in link["class"]) for link in links]


def names():
    """The built pages of the chapters."""
    return [f"{path.stem}.html" for path in CHAPTERS]


@cache
def mentioned(name):
    """The entries that the paragraphs of a built page mention."""
    paragraphs = page(name).select("article p:not(.cell_output p)")
    return {entry for text in paragraphs for entry in GLOSSARY.mentions(text.get_text())}


class TestIndex:
    @pytest.mark.parametrize("entry", **by_name(ENTRIES))
    def test_lists_each_term_with_its_definition_and_chapters(self, entry):
        for term in entry.terms:
            link = lines()[term].a
            assert definitions()[link["href"].removeprefix("glossary.html#")][0] == term
            assert listed(term)
            for _, element, _ in listed(term):
                assert entry in GLOSSARY.mentions(element.get_text())
            introducing = {name[: len(place)] for name, _, main in listed(term) if main
                           for place, _ in entry.places}  # fmt: skip
            assert introducing == {place for place, _ in entry.places}

    @pytest.mark.parametrize("entry", **by_name(ENTRIES))
    def test_lists_every_chapter_that_has_the_term_unless_they_are_many(self, entry):
        using = {name for name in names() if entry in mentioned(name)}
        found = [name for name, _, _ in listed(entry.terms[0])]
        assert found == sorted(set(found))
        assert len(found) <= MANY
        assert set(found) <= using
        if len(using) <= MANY:
            assert set(found) == using

    def test_says_which_chapter_a_number_is(self):
        for link in page("genindex.html").select("a.index-chapter"):
            name, _ = chapter_of(link)
            title = plain(page(name).h1.find(string=True))
            number = re.match(r"\d+", name)
            assert link.get_text() == (str(int(number[0])) if number else title)
            assert number is None or plain(link["title"]) == title

    @pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
    def test_lists_the_names_that_a_chapter_imports(self, path):
        for name in {name for code in cells(path, "code") for name, _ in imported(code)}:
            if name in adam_course.__all__:
                places = {page: element for page, element, _ in listed(f"{name}()")}
                element = places.get(f"{path.stem}.html")
                many = "and many others" in lines()[f"{name}()"].get_text()
                assert many if element is None else name in element.get_text()

    def test_leads_by_its_letters(self):
        letters = page("genindex.html").select(".index-letters a")
        assert len(letters) > 15
        for letter in letters:
            section = page("genindex.html").find(id=letter["href"].removeprefix("#"))
            assert section.h2.find(string=True) == letter.get_text()

    def test_is_the_only_one(self):
        assert not (HTML / "genindex.html").exists()


@cache
def search_index():
    """What the built book's search looks into."""
    text = (HTML / "searchindex.js").read_text(encoding="utf-8")
    return json.loads(re.fullmatch(r"Search\.setIndex\((.*)\);?\s*", text, re.S)[1])


class TestSearch:
    @pytest.mark.parametrize("entry", **by_name(ENTRIES))
    def test_offers_each_term_in_the_glossary_and_where_it_is_introduced(self, entry):
        names = search_index()["docnames"]
        for term in entry.terms:
            found = search_index()["indexentries"][term.lower()]
            first = {names[page].rpartition("/")[2] for page, _, main in found if main}
            assert "glossary" in first
            for place, _ in entry.places:
                assert any(name.startswith(place) for name in first)

    def test_does_not_offer_the_index(self):
        terms = search_index()["terms"]
        number = search_index()["docnames"].index("book/genindex")
        assert not any(number == found or (isinstance(found, list) and number in found)
                       for found in terms.values())  # fmt: skip


class TestSmallBook:
    """What goes wrong in a glossary is a warning, and what changes there changes the chapters."""

    @pytest.fixture
    def book(self, tmp_path):
        folder = tmp_path / "source" / "book"
        folder.mkdir(parents=True)
        text = (
            "# One\n\n## A memory\n\nIts **half-lives** are long. A **half-life** is one of them."
        )
        cell = nbformat.v4.new_markdown_cell(text)
        notebook = nbformat.v4.new_notebook(metadata=METADATA, cells=[cell])
        nbformat.write(notebook, folder / "01_one.ipynb")
        self.define(folder, "How long it lasts. More.", "A memory")
        contents = "# Book\n\n```{toctree}\nbook/01_one\nbook/glossary\n```\n"
        (folder.parent / "index.md").write_text(contents)
        return folder

    @staticmethod
    def define(folder, definition, section):
        text = f"half-life\n  {definition} {{introduced}}`01 {section}`\n"
        page = f"# Glossary\n\n```{{glossary}}\n.. also half-lives\n\n{text}```\n"
        (folder / "glossary.md").write_text(page)

    @staticmethod
    def build(folder):
        source = folder.parent
        return subprocess.run(
            [
                sys.executable, "-m", "sphinx", "-C", "-W", "-n", "--keep-going",
                "-D", "extensions=myst_nb,glossary_links", "-D", "nb_execution_mode=off",
                source, source.parent / "built",
            ],
            env={**os.environ, "PYTHONPATH": str(EXTENSIONS)},
            capture_output=True, text=True,
        )  # fmt: skip

    def link(self, folder):
        """The one link of the chapter."""
        built = folder.parent.parent / "built" / "book" / "01_one.html"
        document = BeautifulSoup(built.read_text(encoding="utf-8"), "html.parser")
        (link,) = document.select("a.glossary-term")
        return link

    def test_a_new_definition_changes_the_chapters_that_have_not_changed(self, book):
        first = self.build(book)
        assert first.returncode == 0, first.stderr
        assert self.link(book)["title"] == "How long it lasts."
        assert self.link(book).strong.get_text() == "half-lives"
        self.define(book, "Half of it.", "A memory")
        second = self.build(book)
        assert second.returncode == 0, second.stderr
        assert self.link(book)["title"] == "Half of it."

    def test_a_section_that_is_not_there_fails_the_build(self, book):
        self.define(book, "How long it lasts.", "A memory that is gone")
        run = self.build(book)
        assert run.returncode != 0
        assert "0 sections of '01' are called 'A memory that is gone'" in run.stderr
