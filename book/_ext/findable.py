"""What search engines and messengers see of a page: description, address, card, site map.

A page's description is its promise, the first paragraph under its title.  The rest needs
the address under which the book is published, ADAM_COURSE_ADDRESS; the publishing workflow
knows it.  Where it is not known, nothing is written that would lead nowhere.
"""

import os
import re

from docutils import nodes

LONGEST = 200
LETTERS = {
    "alpha": "α", "beta": "β", "varepsilon": "ε", "epsilon": "ε", "kappa": "κ", "mu": "μ",
    "hat": "", "sqrt": "√", "times": "×", "cdot": "·",
}  # fmt: skip
CARD = {"line_color": "#0072B2", "description_max_length": 150}


def find_address(environment):
    """The address of the published book, with a slash at its end; empty if not known."""
    address = environment.get("ADAM_COURSE_ADDRESS", "").strip()
    if address and not re.fullmatch(r"https?://[^\s\"'<>?#]+", address):
        raise ValueError(f"ADAM_COURSE_ADDRESS must be the address of a book, got {address!r}")
    return address and address.rstrip("/") + "/"


def first_paragraph(doctree):
    """The first paragraph that is the page's own, or None."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section | nodes.document) and paragraph.astext():
            return paragraph
    return None


def promise(doctree):
    """The first paragraph of a page, in plain text, cut after a word."""
    paragraph = first_paragraph(doctree)
    text = "" if paragraph is None else " ".join(paragraph.astext().split())
    if len(text) <= LONGEST:
        return text
    return text[:LONGEST].rsplit(" ", 1)[0].rstrip(",;:") + " …"


def in_letters(tex):
    """A short formula as plain text: β₁ for \\beta_1."""
    for command, letter in LETTERS.items():
        tex = re.sub(rf"\\{command}(?![a-z])\s*", letter, tex)
    tex = re.sub(r"_(\d)", lambda found: "₀₁₂₃₄₅₆₇₈₉"[int(found[1])], tex)
    return re.sub(r"[\\{}]", "", tex)


def spell_formulas(app, pagename, templatename, context, doctree):
    """Write the first paragraph's formulas in letters: the page is written, its card is not."""
    paragraph = doctree is not None and first_paragraph(doctree)
    for formula in list(paragraph.findall(nodes.math)) if paragraph else ():
        formula.replace_self(nodes.Text(in_letters(formula.astext())))


def describe(app, pagename, templatename, context, doctree):
    """Give a page its description; without an address nothing that needs one."""
    if doctree is None:
        return
    metatags = context["metatags"]
    if not app.config.html_baseurl:
        metatags = re.sub(r'<meta (?:property="og:|name="twitter:)[^>]*>\n?', "", metatags)
    metatags = re.sub(r'<meta name="description"[^>]*>\n?', "", metatags)
    text = promise(doctree).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    if text:
        metatags += f'<meta name="description" content="{text}" />\n'
    context["metatags"] = metatags


def with_address(app, config):
    """Tell Sphinx and the two extensions where the book will stand."""
    address = find_address(os.environ)
    config.html_baseurl = config.ogp_site_url = address
    config.ogp_social_cards = CARD if address else {"enable": False}
    config.ogp_site_name = config.html_title
    config.ogp_description_length = LONGEST


def setup(app):
    app.setup_extension("sphinxext.opengraph")
    if find_address(os.environ):
        app.setup_extension("sphinx_sitemap")
        app.config.sitemap_url_scheme = "{link}"
    app.connect("config-inited", with_address)
    app.connect("html-page-context", spell_formulas, priority=100)  # before the cards are made
    app.connect("html-page-context", describe, priority=900)  # and after
    return {"parallel_read_safe": True, "parallel_write_safe": True}
