"""All pages of the built book as one page, arranged for paper.

The pages are taken as they were built, so what is printed is what was tested.  What cannot
be turned or unfolded on paper is rearranged: the code of figures and of claims is left out,
as it is folded on the pages; the answers of quizzes and the solutions of exercises stand
together at the end.  Ids become unique by the name of their page, and links between pages
links within the document.
"""

import html
import json
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import yaml
from bs4 import BeautifulSoup

from tools.printing.settings import settings_of

# Lists that repeat what the chapters have: of no use where nothing can be searched.
LEFT_OUT = ("claims", "genindex")
SOLUTIONS = "solutions"
# Sections that need no line in the table of contents: one knows that they are there.
IN_EVERY_CHAPTER = ("Turn it", "Claims", "Exercises", "From slide to chapter", "Read on")
REFERRING = ("for", "aria-labelledby", "aria-describedby", "aria-controls", "headers")


class Page(NamedTuple):
    """One page: its name, the caption of its part, and its article."""

    name: str
    part: str
    article: BeautifulSoup


def parsed(text):
    return BeautifulSoup(text, "html.parser")


def pages(root, built):
    """The pages to be printed, in the order of the table of contents.

    Raises
    ------
    FileNotFoundError
        If a page was not built.
    """
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    places = [("", toc["root"])]
    places += [
        (part["caption"], file["file"]) for part in toc["parts"] for file in part["chapters"]
    ]
    found = []
    for part, place in places:
        name = place.rpartition("/")[2]
        if name in LEFT_OUT:
            continue
        path = built / f"{place}.html"
        if not path.exists():
            raise FileNotFoundError(f"{path} is not there: build the book first")
        article = parsed(path.read_text(encoding="utf-8")).select_one("article.bd-article")
        found.append(Page(name, part, article))
    return found


def title_of(article):
    return article.find("h1").get_text(" ", strip=True)


def clean(page):
    """Take away what has no meaning on paper."""
    for useless in page.article.select("a.headerlink, script, button, .toctree-wrapper"):
        useless.decompose()
    for image in page.article.find_all("img"):
        image.attrs.pop("loading", None)  # nothing comes into view on paper


def make_unique(page, names):
    """Put the page's name before its ids, and turn links into links within the document."""
    for node in page.article.find_all(id=True):
        node["id"] = f"{page.name}--{node['id']}"
    for attribute in REFERRING:
        for node in page.article.find_all(attrs={attribute: True}):
            ids = node[attribute]
            ids = ids if isinstance(ids, list) else ids.split()
            node[attribute] = " ".join(f"{page.name}--{one}" for one in ids)
    for link in page.article.find_all("a", href=True):
        target = inner_target(link["href"], page.name)
        if target is None:
            continue
        name, _, anchor = target.partition("#")
        if name not in names:
            link.unwrap()
        else:
            link["href"] = f"#{name}--{unquote(anchor)}" if anchor else f"#{name}"


def inner_target(href, here):
    """Page and anchor of a link within the book, as name#anchor; None for another link."""
    if href.startswith("#"):
        return f"{here}{href}"
    found = re.fullmatch(r"(?:\./|\.\./)?(?:book/)?([\w-]+)\.html(#.*)?", href)
    return found and f"{found[1]}{found[2] or ''}"


def move_files(page, prefix):
    """Let pictures be found from where the document lies."""
    for node in page.article.find_all(src=True):
        if node["src"].startswith("../"):
            node["src"] = prefix + node["src"].removeprefix("../")


def unfold(page):
    """Leave folded code out, with no trace; show folded proofs where they stand."""
    for folded in page.article.select("details.hide"):
        for part in folded.select(":scope > summary, :scope > .cell_input"):
            part.decompose()
        folded.unwrap()
    for proof in page.article.find_all("details"):
        proof.name = "div"
        proof["class"] = "unfolded"
        if summary := proof.find("summary"):
            summary.name = "p"
            summary["class"] = "unfolded-title"


def is_solution(details):
    """Whether something folded in an exercise is its solution, and not a figure's code."""
    return "hide" not in details.get("class", []) or "tag_hide-cell" in details.parent["class"]


def collect_solutions(page):
    """Take the solutions out of the exercises: a list of their (title, id, contents)."""
    found = []
    exercises = page.article.find("section", id=f"{page.name}--exercises")
    for exercise in exercises.find_all("section", recursive=False) if exercises else ():
        folded = [each for each in exercise.find_all("details") if is_solution(each)]
        if not folded:
            continue
        contents = []
        for each in folded:
            each.find("summary").decompose()
            contents += [child.extract() for child in list(each.children)]
            holder = each.parent if "cell" in each.parent.get("class", []) else each
            holder.decompose()
        place = f"{SOLUTIONS}--{exercise['id']}"
        exercise.append(parsed(lead(place, "Solution", "to-solution")))
        found.append((exercise.find("h3").get_text(" ", strip=True), exercise["id"], contents))
    return found


def lead(target, words, kind):
    """A line that leads elsewhere, with the number of its page to be filled in."""
    return (
        f'<p class="{kind}"><a href="#{target}">{words}, page '
        f'<span class="page-of" data-of="{target}">000</span></a></p>'
    )


def print_quizzes(page):
    """Turn quizzes into questions; their answers are returned, as (id, words, reasons)."""
    answers = []
    for number, widget in enumerate(page.article.select('[data-adam-widget="quiz"]'), start=1):
        state = json.loads(widget["data-adam-state"])
        place = f"{page.name}--quiz-{number}"
        choices = "".join(f"<li>{html.escape(each['text'])}</li>" for each in state["choices"])
        question = html.escape(state["question"])
        answer = f"{SOLUTIONS}--{place}"
        widget.replace_with(
            parsed(
                f'<div class="printed-quiz" id="{place}"><p><strong>{question}</strong></p>'
                f'<ol type="a">{choices}</ol>{lead(answer, "Answer", "to-solution")}</div>'
            )
        )
        letters = "abcdefghijklmnop"
        reasons = "".join(
            f"<li>{'<strong>Right.</strong> ' * each['right']}{html.escape(each['why'])}</li>"
            for each in state["choices"]
        )
        chosen = zip(letters, state["choices"], strict=False)
        right = ", ".join(letter for letter, each in chosen if each["right"])
        answers.append((place, question, right, reasons))
    return answers


def describe_explorers(page):
    """Put the settings of an explorer in words below the figure that it will draw."""
    for widget in page.article.select(".adam-widget[data-adam-widget]"):
        words = settings_of(widget["data-adam-widget"], json.loads(widget["data-adam-state"]))
        if words:
            widget.insert_after(parsed(f'<p class="printed-settings">{html.escape(words)}</p>'))


def solutions_page(collected):
    """The last part: answers and solutions, chapter by chapter."""
    parts = [f'<section class="page" id="{SOLUTIONS}"><h1>Answers and solutions</h1>']
    for name, title, answers, solutions in collected:
        parts.append(f'<section id="{SOLUTIONS}--{name}"><h2>{html.escape(title)}</h2>')
        if answers:
            parts.append("<h3>Questions</h3>")
        for place, question, right, reasons in answers:
            parts.append(
                f'<div class="printed-answer" id="{SOLUTIONS}--{place}"><p><a href="#{place}">'
                f"{question}</a> <strong>{right}</strong></p>"
                f'<ol type="a">{reasons}</ol></div>'
            )
        for heading, place, contents in solutions:
            parts.append(
                f'<section id="{SOLUTIONS}--{place}"><h3><a href="#{place}">'
                f"{html.escape(heading)}</a></h3>{''.join(map(str, contents))}</section>"
            )
        parts.append("</section>")
    return "".join(parts) + "</section>"


def contents_page(printed):
    """The table of contents; numbers of pages are filled in when they are known."""
    lines, last = ['<nav class="contents"><h1>Contents</h1>'], ""
    for name, part, title, sections in printed:
        if part != last:
            lines.append(f'<p class="contents-part">{html.escape(part)}</p>')
            last = part
        lines.append(line_of_contents(name, title, "contents-chapter"))
        lines += [line_of_contents(*section, "contents-section") for section in sections]
    return "".join(lines) + "</nav>"


def line_of_contents(target, title, kind):
    return (
        f'<p class="{kind}"><a href="#{target}"><span>{html.escape(title)}</span>'
        f'<span class="dots"></span><span class="page-of" data-of="{target}">000</span></a></p>'
    )


def numbered(name, title):
    """The title with its chapter's number, where the name of the page has one."""
    number = re.match(r"(\d+)_", name)
    return f"{int(number[1])} {title}" if number else title


def manuscript(root, built, front, prefix):
    """The whole document's body, as HTML.

    Parameters
    ----------
    root, built : Path
        The repository, and the built pages.
    front : str
        The title page, as HTML.
    prefix : str
        The way from the document to the built pages, with a slash at its end.
    """
    found = pages(root, built)
    names = {page.name for page in found}
    printed, collected, bodies = [], [], []
    for page in found:
        clean(page)
        make_unique(page, names)
        move_files(page, prefix)
        answers, solutions = print_quizzes(page), collect_solutions(page)
        unfold(page)
        describe_explorers(page)
        heading = page.article.find("h1")
        title = numbered(page.name, heading.get_text(" ", strip=True))
        heading.string = title
        if page.part == "":
            heading.string = title = "About this course"
            page.article.find("img").decompose()  # it stands on the title page
        sections = [
            (h2.parent["id"], h2.get_text(" ", strip=True))
            for h2 in page.article.find_all("h2")
            if re.match(r"\d", page.name) and h2.get_text(" ", strip=True) not in IN_EVERY_CHAPTER
        ]
        printed.append((page.name, page.part, title, sections))
        if answers or solutions:
            collected.append((page.name, title, answers, solutions))
        bodies.append(
            f'<section class="page" id="{page.name}">{page.article.decode_contents()}</section>'
        )
    printed.append((SOLUTIONS, "", "Answers and solutions", []))
    return front + contents_page(printed) + "".join(bodies) + solutions_page(collected)


def document(root, built, front, target, title):
    """Write the document and return its path; it stands beside the built pages."""
    prefix = f"../{built.name}/"
    # For print alone, as on the pages: what is not shown cannot draw itself.
    styles = {"pygments": "all", "adam_widgets": "all", "print": "print"}
    links = "".join(
        f'<link rel="stylesheet" href="{prefix}_static/{style}.css" media="{media}">'
        for style, media in styles.items()
    )
    paper = (Path(__file__).parent / "paper.css").read_text(encoding="utf-8")
    text = (
        f'<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title>{links}<style>{paper}</style>"
        f'<script>MathJax = {{options: {{enableMenu: false, ignoreHtmlClass: "skip-math", '
        f'processHtmlClass: "math"}}, svg: {{fontCache: "global"}}}}</script>'
        f'<script defer src="{prefix}_static/mathjax/tex-svg.js"></script>'
        f'<script defer src="{prefix}_static/adam_widgets.js"></script></head>'
        f"<body>{manuscript(root, built, front, prefix)}</body></html>"
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return target
