"""Slides of every chapter, from its built page: `slides/NAME.html` beside it.

They are reveal.js, whose files come from the wheel of sphinx-revealjs, and need neither
server nor network.  Formulas, figures and widgets are those of the page; slide_cutter.py says
what goes on a slide, and what into the presenter's notes.  These begin with the plan that
the instructor's page has for the chapter.
"""

import html
import re
import shutil
from importlib.metadata import files
from pathlib import Path

import yaml
from slide_cutter import cut, parsed

DISTRIBUTION = "sphinx-revealjs"
REVEAL = ("dist/reset.css", "dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js", "LICENSE")
CHAPTER = re.compile(r"book/(\d+)_\w+")
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: slides</title>
<link rel="icon" href="{up}_static/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{up}_static/reveal/reset.css">
<link rel="stylesheet" href="{up}_static/reveal/reveal.css">
<link rel="stylesheet" href="{up}_static/pygments.css">
<link rel="stylesheet" href="{up}_static/adam_widgets.css">
<link rel="stylesheet" href="{up}_static/slides.css">
<script>
document.documentElement.dataset.theme =
  matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
MathJax = {{options: {{processHtmlClass: "math", enableMenu: false}}}};
</script>
<script defer src="{up}_static/mathjax/tex-svg.js"></script>
<script defer src="{up}_static/adam_widgets.js"></script>
<script defer src="{up}_static/reveal/reveal.js"></script>
<script defer src="{up}_static/reveal/notes.js"></script>
<script defer src="{up}_static/slides.js"></script>
</head>
<body class="mathjax_ignore">
<main class="reveal"><div class="slides">
{slides}
</div></main>
<a class="to-chapter" href="{up}{page}">{title}</a>
</body>
</html>
"""


def chapters(toc):
    """The chapters' documents, in their order."""
    found = [file["file"] for part in toc["parts"] for file in part["chapters"]]
    return [name for name in found if CHAPTER.fullmatch(name)]


def plan_of(number, instructor):
    """What the instructor's page plans for a chapter, as HTML; empty where it plans nothing."""
    for heading in instructor.find_all("h3"):
        if heading.get_text().startswith(f"{number} "):
            section = parsed(str(heading.parent))
            for mark in section.select("a.headerlink, h3"):
                mark.decompose()
            return section.decode_contents()
    return ""


def relocate(markup, page):
    """Make addresses and ids fit for a folder below that of the page."""
    soup = parsed(markup)
    for node in soup.find_all(id=True):
        del node["id"]
    for node in soup.find_all("a", href=True):
        if node["href"].startswith("#"):
            node["href"] = f"../{page}{node['href']}"
        elif not re.match(r"[a-z]+:", node["href"]):
            node["href"] = f"../{node['href']}"
    for node in soup.find_all(src=True):
        if not re.match(r"[a-z]+:", node["src"]):
            node["src"] = f"../{node['src']}"
        node.attrs.pop("loading", None)
    return str(soup)


def markup_of(slide, page, level):
    """One slide as a section of reveal.js."""
    notes = "".join(slide.notes)
    aside = f'<aside class="notes">{notes}</aside>' if notes else ""
    body = f'<div class="slide-body">{"".join(slide.body)}</div>'
    heading = f"<h{level}>{html.escape(slide.heading)}</h{level}>"
    return f"<section>{heading}{relocate(body + aside, page)}</section>"


def deck(article, page, plan=""):
    """The slides of a chapter, as one HTML page.

    Parameters
    ----------
    article : BeautifulSoup
        The chapter's, which is used up.
    page : str
        The file of the chapter's page.
    plan : str
        HTML that comes first in the notes of the title.
    """
    stacks = cut(article)
    title = stacks[0][0]
    if plan:
        title.notes.insert(0, plan)
    sections = []
    for number, stack in enumerate(stacks):
        level = 1 if number == 0 else 2
        slides = "\n".join(markup_of(slide, page, level) for slide in stack)
        kind = ' class="title-slide"' if number == 0 else ""
        sections.append(f"<section{kind}>\n{slides}\n</section>")
    return PAGE.format(
        title=html.escape(title.heading),
        up="../../",
        page=f"book/{page}",
        slides="\n".join(sections),
    )


def article_of(path):
    return parsed(path.read_text(encoding="utf-8")).select_one("article.bd-article")


def write_slides(app, exception):
    """Write the slides of every chapter, and put reveal.js beside them."""
    if exception or app.builder.name != "html":
        return
    out = Path(app.outdir)
    toc = yaml.safe_load((Path(app.srcdir) / "_toc.yml").read_text(encoding="utf-8"))
    plans = out / "book" / "instructor.html"
    instructor = article_of(plans) if plans.exists() else parsed("")
    folder = out / "book" / "slides"
    folder.mkdir(exist_ok=True)
    for name in chapters(toc):
        path = out / f"{name}.html"
        if path.exists():
            plan = plan_of(int(CHAPTER.fullmatch(name)[1]), instructor)
            (folder / path.name).write_text(deck(article_of(path), path.name, plan), "utf-8")
    copy_reveal(out / "_static" / "reveal")


def copy_reveal(target):
    """Put reveal.js where the slides look for it."""
    target.mkdir(parents=True, exist_ok=True)
    for file in files(DISTRIBUTION) or ():
        parts = file.as_posix().split("_static/revealjs/")
        if len(parts) == 2 and parts[1] in REVEAL:
            shutil.copyfile(file.locate(), target / Path(parts[1]).name)


def add_button(app, pagename, templatename, context, doctree):
    """A chapter's header leads to its slides."""
    if CHAPTER.fullmatch(pagename) and doctree is not None:
        context["header_buttons"].insert(
            0,
            {
                "type": "link",
                "tooltip": "Slides of this chapter",
                "icon": "fas fa-person-chalkboard",
                "url": f"slides/{pagename.rpartition('/')[2]}.html",
                "label": "slides-button",
            },
        )


def setup(app):
    app.connect("html-page-context", add_button, priority=590)  # the launch buttons come first
    app.connect("build-finished", write_slides)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
