"""Cut a chapter's page into slides: what the room sees, and what the presenter says.

A section begins with a slide of its own; figures, tables, formulas, code and widgets go on
slides in their order.  Of the prose a slide has what is meant to stay: the first sentence of
a section, what stands in bold, and under a figure what to look at.  All of it, word for word,
is in the presenter's notes, and so are the solutions of the exercises.

A cell with the tag `no-slide` is left out.
"""

import re
from dataclasses import dataclass, field

from bs4 import BeautifulSoup, Tag

STAGE = 590  # pixels below a slide's heading
LINE = 34  # of text, with 78 characters
CODE_LINE = 23
LONGEST_CODE = 25  # lines on one slide
KEY_WORDS = 4  # so many words in bold are a statement, fewer are a term
ROWS = 11  # of a table on one slide
NOT_SHOWN = ("Read on",)  # sections that are for reading
PROSE = ("From slide to chapter", "What the slides leave out")  # sections shown word for word


def parsed(text):
    return BeautifulSoup(text, "html.parser")


@dataclass
class Slide:
    """One slide: its heading, its contents as HTML, and the notes to it."""

    heading: str
    body: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    height: int = 0

    def add(self, html, height):
        self.body.append(html)
        self.height += height


def text_of(node):
    return " ".join(node.get_text().split())


def first_sentence(paragraph):
    """The first sentence of a paragraph, as HTML."""
    kept = []
    for child in paragraph.children:
        if isinstance(child, Tag):
            kept.append(str(child))
            continue
        # A sentence ends before a space and a capital, or with its paragraph.
        end = re.search(r"[.?!:]['”\"]?(?=\s+[A-ZÄÖÜ(\d“]|\s*$)", str(child))
        if end and (child.next_sibling is None or end.end() < len(str(child).rstrip())):
            return "".join(kept) + str(child)[: end.end()].replace("<", "&lt;")
        kept.append(str(child).replace("<", "&lt;"))
    return "".join(kept)


def statements(paragraph):
    """What a paragraph says in bold, as HTML; not its terms."""
    return [
        f"<p class='point'>{strong.decode_contents()}</p>"
        for strong in paragraph.find_all("strong", recursive=False)
        if len(text_of(strong).split()) >= KEY_WORDS
    ]


class Cutter:
    """Goes through a page from top to bottom and deals its parts out to slides."""

    def __init__(self):
        self.stacks = []  # for each section its slides

    # ------------------------------------------------------------------ slides

    @property
    def slide(self):
        return self.stacks[-1][-1]

    def new_stack(self, heading):
        self.stacks.append([Slide(heading)])

    def new_slide(self, heading=None):
        """A further slide of the section, unless this one is still empty."""
        heading = heading or self.slide.heading
        if self.slide.body or heading != self.slide.heading:
            self.stacks[-1].append(Slide(heading))

    def put(self, html, height, alone=False):
        """Put something on the slide, or on a further one where it does not fit."""
        if alone or self.slide.height + height > STAGE:
            self.new_slide()
        self.slide.add(html, height)

    def say(self, node):
        self.slide.notes.append(str(node))

    # -------------------------------------------------------------------- page

    def page(self, article):
        """All slides of a chapter, in one list for each section."""
        chapter = article.find("section")
        self.new_stack(text_of(chapter.find("h1")))
        for child in chapter.find_all(recursive=False):
            if child.name == "section":
                self.section(child)
            elif child.name in ("p", "ul"):
                self.say(child)
                if "minutes to read" not in text_of(child):
                    self.slide.add(str(child), 0)  # all of it on the title's slide
        return [[slide for slide in stack if slide.body] for stack in self.stacks if stack]

    def section(self, section):
        heading = text_of(section.find(re.compile("^h[23]$")))
        if heading in NOT_SHOWN:
            return
        self.new_stack(heading)
        if heading == "Exercises":
            for exercise in section.find_all("section", recursive=False):
                self.exercise(exercise)
        else:
            self.parts(section, whole=heading in PROSE)

    def parts(self, section, whole=False):
        """The parts of a section; its paragraphs word for word if they are to be `whole`."""
        # A question is asked in full, and its answer is not yet to be seen.
        asks = text_of(section.find(re.compile("^h[1-6]$"))).startswith("Predict")
        is_first, under_figure = True, False
        for child in section.find_all(recursive=False):
            if child.name == "section":
                self.new_slide(text_of(child.find(re.compile("^h[1-6]$"))))
                self.parts(child)
            elif child.name == "p":
                self.paragraph(child, whole or asks, is_first, under_figure)
                is_first = under_figure = False
                continue
            elif child.name in ("ul", "ol"):
                self.put(str(child), self.lines(child))
                self.say(child)
            elif "cell" in child.get("class", []):
                if asks:
                    self.new_slide()
                asks = False
                under_figure = child.find("img") is not None
                self.cell(child)
                continue
            else:
                self.other(child)
            under_figure = False

    def paragraph(self, paragraph, whole, is_first, under_figure):
        self.say(paragraph)
        if whole:
            self.put(str(paragraph), self.lines(paragraph))
        elif is_first or under_figure:
            sentence = first_sentence(paragraph)
            kind = "caption" if under_figure else "statement"
            # What to look at belongs to its figure, whatever its length.
            height = 0 if under_figure else self.lines(parsed(sentence))
            self.put(f"<p class='{kind}'>{sentence}</p>", height)
        for statement in statements(paragraph):
            if not whole and text_of(parsed(statement)) not in text_of(
                parsed("".join(self.slide.body))
            ):
                self.put(statement, self.lines(parsed(statement)))

    def exercise(self, section):
        """The question on a slide; the solution is for the presenter."""
        self.new_slide(text_of(section.find("h3")))
        for child in section.find_all(recursive=False):
            classes = child.get("class", [])
            if child.name == "p":
                self.put(str(child), self.lines(child))
                self.say(child)
            elif child.name == "details" or "tag_hide-cell" in classes:
                self.say(self.unfolded(child))
            elif "cell" in classes:
                self.cell(child, outputs=False)
            elif child.name not in ("h3",):
                self.other(child)

    @staticmethod
    def unfolded(node):
        folded = node if node.name == "details" else node.find("details")
        for summary in folded.find_all("summary"):
            summary.decompose()
        return f"<p><strong>Solution</strong></p>{folded.decode_contents()}"

    # ------------------------------------------------------------------- parts

    def other(self, node):
        """A formula, a table, something folded, or a block of another kind."""
        classes = node.get("class", [])
        if re.fullmatch("h[1-6]", node.name):
            return
        if node.name == "details":
            self.say(node)
        elif "math" in classes:
            self.put(str(node), 46 + 40 * (1 + str(node).count(r"\\")))
        elif node.find("table") or node.name == "table":
            self.table(node if node.name == "table" else node.find("table"))
        else:
            self.put(str(node), self.lines(node))

    def cell(self, cell, outputs=True):
        classes = cell.get("class", [])
        if "tag_no-slide" in classes:
            return
        for folded in cell.select("details.hide > .cell_input, details.hide > summary"):
            folded.decompose()
        shown = cell.select(".cell_output > *") if outputs else []
        code = cell.select_one(":scope > .cell_input pre")
        # How a widget or a figure is made is for readers.
        if code and not any(
            part.name == "img" or part.select("img, .adam-widget") for part in shown
        ):
            printed = sum(part.get_text().strip().count("\n") + 1 for part in shown)
            height = (code.get_text().count("\n") + printed) * CODE_LINE + 44
            if self.slide.height + height > STAGE >= height:
                self.new_slide()  # what is printed stands below what prints it
            self.code(code)
        for output in shown:
            self.output(output)

    def output(self, output):
        if claims := output.select(".claim"):
            for claim in claims:
                self.put(str(claim), self.lines(claim))
        elif widget := output.select_one(".adam-widget"):
            is_quiz = widget["data-adam-widget"] == "quiz"
            self.put(str(widget), STAGE if not is_quiz else 420, alone=True)
        elif image := output if output.name == "img" else output.find("img"):
            self.put(str(image), STAGE - 60, alone=True)
        elif table := output.find("table"):
            self.table(table)
        elif output.find("pre"):
            lines = output.get_text().strip("\n").count("\n") + 1
            for part in parts_of_text(output.find("pre"), LONGEST_CODE):
                self.put(
                    f"<pre class='printed'>{part}</pre>", min(lines, LONGEST_CODE) * CODE_LINE + 20
                )
        elif text_of(output):
            self.put(str(output), self.lines(output))

    def code(self, pre):
        for part in parts_of_text(pre, LONGEST_CODE):
            lines = parsed(part).get_text().strip("\n").count("\n") + 1
            self.put(f'<div class="highlight"><pre>{part}</pre></div>', lines * CODE_LINE + 24)

    def table(self, table):
        """A table, in several parts with the same head where it is long."""
        body = table.find("tbody") or table
        rows = body.find_all("tr", recursive=False)
        for begin in range(0, len(rows), ROWS):
            part = parsed(str(table)).find("table")
            kept = part.find("tbody") or part
            for number, row in enumerate(kept.find_all("tr", recursive=False)):
                if not begin <= number < begin + ROWS:
                    row.decompose()
            count = min(ROWS, len(rows) - begin)
            self.put(f'<div class="table">{part}</div>', 46 * (count + 1))

    @staticmethod
    def lines(node):
        """About how high text will be."""
        items = node.find_all(["li", "p"]) or [node]
        return sum(LINE * (1 + len(text_of(item)) // 78) + 8 for item in items)


def parts_of_text(pre, most):
    """The contents of a <pre>, as HTML, in parts of so many lines; cut at an empty line."""
    html = pre.decode_contents().strip("\n")
    lines = html.split("\n")
    while len(lines) > most:
        empty = [k for k in range(2, most) if not parsed(lines[k]).get_text().strip()]
        cut = empty[-1] if empty else most
        yield "\n".join(lines[:cut]).rstrip("\n")
        lines = lines[cut + 1 if empty else cut :]
        while lines and not parsed(lines[0]).get_text().strip():
            lines = lines[1:]
    yield "\n".join(lines)


def cut(article):
    """A chapter's article as stacks of slides, one stack for each section.

    Parameters
    ----------
    article : BeautifulSoup
        It is used up.

    Returns
    -------
    list of list of Slide
        The first slide is the title's.
    """
    for mark in article.select("a.headerlink, script, button"):
        mark.decompose()
    return [stack for stack in Cutter().page(article) if stack]
