"""The index, on a page of the book.

`{general-index}` is Sphinx's general index as a list: a term leads to the glossary, and the
numbers after it to the chapters that use it.  The package's names come last.  Sphinx's own
page of it is left out: its two columns do not fit on a phone, and chapter 10 stands before
chapter 2.
"""

import re

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.environment.adapters.indexentries import IndexEntries

GLOSSARY, PACKAGE = "book/glossary", "adam_course"
# A list of more chapters than this helps nobody to find the right one.
MANY = 8
NAME = re.compile(r"(\w+) \(([\w.]+)\)")


class GeneralIndex(nodes.General, nodes.Element):
    """The index, which is not known before all chapters have been read."""


class GeneralIndexDirective(Directive):
    """All terms of the index by their letters, then the package's names."""

    def run(self):
        self.state.document.settings.env.note_reread()
        return [GeneralIndex()]


class Entries:
    """The lines of the index, with links from one page."""

    def __init__(self, app, docname):
        self.builder, self.titles, self.docname = app.builder, app.env.titles, docname
        uri = app.builder.get_relative_uri
        self.pages = {uri("genindex", name): name for name in app.env.found_docs}
        self.letters = IndexEntries(app.env).create_index(app.builder, group_entries=False)

    def terms(self):
        """(letter, lines) of what is not a name of the package."""
        for letter, entries in self.letters:
            found = [(name, links) for name, (links, _, _) in entries if not NAME.fullmatch(name)]
            if found:
                yield letter, [self.line(self.term(*entry), entry[1]) for entry in found]

    def names(self):
        """The lines of the package's names."""
        for _, entries in self.letters:
            for name, (links, _, _) in entries:
                if found := NAME.fullmatch(name):
                    module = [] if found[2] == PACKAGE else [nodes.Text(f" in {found[2]}")]
                    yield self.line([nodes.literal("", found[1]), *module], links)

    def targets(self, links):
        """(document's name, anchor) -> its weight, in the order of the book."""
        found = {}
        for weight, uri in links:
            page, _, anchor = uri.partition("#")
            found[self.pages[page], anchor] = weight
        return dict(sorted(found.items()))

    def term(self, name, links):
        """A term, which leads to its definition."""
        for target in self.targets(links):
            if target[0] == GLOSSARY:
                return [self.link(target, name)]
        return [nodes.Text(name)]

    def line(self, word, links):
        """One line: a word, and the chapters that use it."""
        targets = {
            target: weight
            for target, weight in self.targets(links).items()
            if target[0] != GLOSSARY
        }
        shown, rest = list(targets), []
        if len(shown) > MANY:
            shown = [target for target in targets if targets[target]]
        if len(shown) > MANY or not shown:
            shown = [target for target in targets if targets[target] == "main"]
            shown, rest = shown or list(targets)[:1], [nodes.Text(" and many others")]
        line = nodes.paragraph("", "", *word)
        for target in shown:
            line += nodes.Text(" ")
            line += self.chapter(target, main=targets[target] == "main")
        line += rest
        return nodes.list_item("", line)

    def chapter(self, target, main):
        """A link that reads as the chapter's number, or as the title where it has none."""
        title = self.titles[target[0]].astext()
        number = re.match(r"\d+", target[0].rpartition("/")[2])
        link = self.link(target, str(int(number[0])) if number else title)
        link["classes"] += ["index-chapter"] + ["index-main"] * main
        if number:
            link["reftitle"] = title
        return link

    def link(self, target, text):
        """A link to a place."""
        uri = f"{self.builder.get_relative_uri(self.docname, target[0])}#{target[1]}"
        return nodes.reference("", text, refuri=uri, internal=True)


def section(title, identifier, lines):
    """A section with a list."""
    made = nodes.section("", nodes.title("", title), ids=[identifier])
    made += nodes.bullet_list("", *lines, classes=["index-list"])
    return made


def fill(app, doctree, docname):
    """Put the index where the directive stands."""
    for place in list(doctree.findall(GeneralIndex)):
        entries = Entries(app, docname)
        sections = [
            section(letter, nodes.make_id(f"letter-{letter}"), lines)
            for letter, lines in entries.terms()
        ]
        sections.append(section("Names of the package", "names", list(entries.names())))
        jump = nodes.paragraph(classes=["index-letters"])
        for each in sections:
            jump += nodes.reference("", each[0].astext(), refid=each["ids"][0], internal=True)
            jump += nodes.Text(" ")
        place.replace_self([jump, *sections])


def leave_out_page(app, config):
    """One index is enough."""
    config.html_use_index = False


def setup(app):
    app.add_node(GeneralIndex)
    app.add_directive("general-index", GeneralIndexDirective)
    app.connect("config-inited", leave_out_page)
    app.connect("doctree-resolved", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
