"""The glossary and the chapters lead to each other.

In a chapter the first bold mention of a term of the glossary becomes a link to its
definition, still bold, with the definition's first sentence as a tooltip.  The index gets
an entry where a chapter introduces a term, or first mentions it.

In the glossary {introduced}`02 An average that forgets` is a link to that section of
chapter 2.  How that page is written stands in a comment at its head.
"""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)
GLOSSARY = "book/glossary"
# A chapter that has a term in fewer paragraphs, and not in bold, mentions it in passing.
SEVERAL = 3
BLOCK = re.compile(r"^```{glossary}\n(.*?)^```$", re.M | re.S)
PLACE = re.compile(r"{introduced}`(\S+) ([^`]+)`")
ALSO = ".. also "


class Entry(NamedTuple):
    """A term and its synonyms, all forms they take, and where the book introduces them."""

    terms: tuple
    forms: tuple
    places: tuple  # of (beginning of a chapter's file name, title of a section)


class Glossary:
    """The entries of the glossary, and where they occur in a text."""

    def __init__(self, source=""):
        self.entries = list(self._read(source))
        self._owners = {form.lower(): entry for entry in self.entries for form in entry.forms}
        # The longest form first, so that "gradient descent" is no mention of "gradient".
        forms = [re.escape(form) for form in sorted(self._owners, key=len, reverse=True)]
        words = "|".join(form for form in forms if form[:2] != r"\\") or "$^"
        letters = "|".join(form for form in forms if form[:2] == r"\\") or "$^"
        # A word may be a plural; a formula's letter stands anywhere.
        self._pattern = re.compile(rf"(?<![\w-])({words})(?:s|es)?(?![\w-])|({letters})(?![a-z])")

    @staticmethod
    def _read(source):
        """The entries, in the order of the page."""
        also = ()
        for block in "\n".join(BLOCK.findall(source)).strip("\n").split("\n\n"):
            if block.startswith(ALSO):
                also = tuple(form.strip() for form in block.removeprefix(ALSO).split(","))
            elif block:
                terms = tuple(line for line in block.split("\n") if line[0] != " ")
                yield Entry(terms, terms + also, tuple(PLACE.findall(block)))
                also = ()

    def mentions(self, text):
        """The entries that a text mentions, in its order."""
        found = self._pattern.finditer(plain(text).lower())
        return [self._owners[mention[1] or mention[2]] for mention in found]

    def entry(self, phrase):
        """The entry that a phrase is a form of, or None."""
        mention = self._pattern.fullmatch(plain(phrase).strip(" .,:;").lower())
        return self._owners[mention[1] or mention[2]] if mention else None


def plain(text):
    """Text with one kind of apostrophe and one kind of space."""
    return " ".join(text.replace("’", "'").split())


def read_glossary(path):
    """The glossary of a file, which has no entries if there is no such file."""
    path = Path(path)
    return _glossary(path, path.stat().st_mtime_ns) if path.exists() else Glossary()


@cache
def _glossary(path, changed):
    """Of one file, which is read again only when it has changed."""
    return Glossary(path.read_text(encoding="utf-8"))


class LinkTerms(SphinxTransform):
    """Link a chapter's bold terms, and note in the index where it uses which."""

    default_priority = 800  # index entries are collected at 850

    def apply(self, **kwargs):
        if not str(self.env.doc2path(self.env.docname)).endswith(".ipynb"):
            return
        path = Path(self.env.srcdir) / f"{GLOSSARY}.md"
        glossary = read_glossary(path)
        # A chapter is read again when the glossary has changed.
        self.env.note_dependency(str(path))
        paragraphs, bold = {}, {}
        for paragraph in self.document.findall(nodes.paragraph):
            for entry in dict.fromkeys(glossary.mentions(paragraph.astext())):
                paragraphs.setdefault(entry, []).append(paragraph)
            for strong in list(paragraph.findall(nodes.strong)):
                entry = glossary.entry(strong.astext())
                if entry and entry not in bold:
                    bold[entry] = paragraph
                    self.link(strong, entry)
        for entry in glossary.entries:
            place, weight = self.place(entry, paragraphs.get(entry, []), bold.get(entry))
            if place:
                self.note(entry, place, weight)

    def link(self, strong, entry):
        """Put a link to the glossary around a bold mention."""
        link = addnodes.pending_xref(
            "", refdomain="std", reftype="term", reftarget=entry.terms[0],
            refdoc=self.env.docname, refexplicit=True, refwarn=True, classes=["glossary-term"],
        )  # fmt: skip
        strong.replace_self(link)
        link += strong

    def place(self, entry, paragraphs, bold):
        """Where the index should lead to for an entry, and how much the chapter is about it.

        That is "main" where it is introduced (Sphinx's word, which its search knows),
        "several" where it is bold or in several paragraphs, and nothing in passing.
        """
        first = [bold, *paragraphs] if bold else paragraphs
        for section in self.introducing(entry):
            inside = [paragraph for paragraph in first if within(paragraph, section)]
            return (inside or [section])[0], "main"
        if bold or len(paragraphs) >= SEVERAL:
            return first[0], "several"
        return (first[0] if first else None), ""

    def introducing(self, entry):
        """The sections of this chapter that introduce an entry."""
        name = self.env.docname.rpartition("/")[2]
        titles = {title for chapter, title in entry.places if name.startswith(chapter)}
        for section in self.document.findall(nodes.section):
            if plain(section.next_node(nodes.title).astext()) in titles:
                yield section

    def note(self, entry, place, weight):
        """Put a place into the index under all names of an entry."""
        # One anchor a paragraph: the search shows the text of the element that has it.
        if not place["ids"]:
            place["ids"].append(f"uses-{nodes.make_id(entry.terms[0])}")
        entries = [("single", term, place["ids"][0], weight, None) for term in entry.terms]
        self.document += addnodes.index(entries=entries)


def within(node, ancestor):
    """Whether a node stands below another."""
    while node is not None and node is not ancestor:
        node = node.parent
    return node is ancestor


class Place(nodes.Inline, nodes.TextElement):
    """A section that is not known before all chapters have been read."""


def introduced(name, rawtext, text, lineno, inliner, options=None, content=()):
    """A link to a section: the beginning of the chapter's name, and the section's title."""
    inliner.document.settings.env.note_reread()
    chapter, _, title = text.partition(" ")
    return [Place(text, chapter=chapter, title=title)], []


def sections(env, chapter, title):
    """(document's name, anchor, title as shown) of the sections that a place may mean."""
    return [
        (docname, reference["anchorname"], reference.astext())
        for docname, contents in env.tocs.items()
        if docname.rpartition("/")[2].startswith(chapter)
        for reference in contents.findall(nodes.reference)
        if plain(reference.astext()) == plain(title)
    ]


def resolve_places(app, doctree, docname):
    """Make links of the places that the glossary names."""
    for place in list(doctree.findall(Place)):
        found = sections(app.env, place["chapter"], place["title"])
        if len(found) != 1:
            logger.warning(
                "%d sections of %r are called %r",
                len(found), place["chapter"], place["title"], location=docname,
            )  # fmt: skip
            place.replace_self(nodes.Text(place["title"]))
            continue
        ((target, anchor, title),) = found
        number = re.match(r"\d+", target.rpartition("/")[2])
        chapter = f"Chapter {int(number[0])}" if number else app.env.titles[target].astext()
        uri = app.builder.get_relative_uri(docname, target) + anchor
        link = nodes.reference("", f"{chapter}, {title}", refuri=uri, internal=True)
        link["classes"].append("glossary-place")
        place.replace_self(link)


def first_sentences(app):
    """Anchor -> first sentence of its definition, of all terms of the glossary."""
    if GLOSSARY not in app.env.found_docs:
        return {}
    return {
        identifier: re.split(r"(?<=\.)\s", item.next_node(nodes.paragraph).astext())[0]
        for item in app.env.get_doctree(GLOSSARY).findall(nodes.definition_list_item)
        for term in item.findall(nodes.term)
        for identifier in term["ids"]
    }


def explain_links(app, doctree, docname):
    """Give the links of a chapter's terms their tooltip."""
    links = [
        link for link in doctree.findall(nodes.reference) if "glossary-term" in link["classes"]
    ]
    sentences = first_sentences(app) if links else {}
    for link in links:
        link["reftitle"] = sentences[link["refuri"].partition("#")[2]]


def setup(app):
    app.add_node(Place)
    app.add_role("introduced", introduced)
    app.add_transform(LinkTerms)
    app.connect("doctree-resolved", resolve_places)
    app.connect("doctree-resolved", explain_links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
