"""Every claim of every chapter on one page, collected from what the notebooks store.

`{claims}` is that list, a section for each chapter; {claim-count}`all` is how many there
are; {held}`02 first step` is the sentence of one claim, that of chapter 2 which has these
words.  On a chapter's page each claim gets an anchor, to which all of them lead.
"""

import json
import re
from functools import cache
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.util import logging

from adam_course.claims import claims_of

logger = logging.getLogger(__name__)
OPENS = re.compile(r'<div class="claim"')


def chapters(app):
    """name -> (title, claims) of every notebook in the table of contents, in its order."""
    paths = {name: Path(app.srcdir) / f"{name}.ipynb" for name in sorted(app.env.found_docs)}
    return {
        name: title_and_claims(path, path.stat().st_mtime_ns)
        for name, path in paths.items()
        if path.exists()
    }


@cache
def title_and_claims(path, changed):
    """Of one notebook, which is read again only when it has changed."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    title = "".join(notebook["cells"][0]["source"]).split("\n")[0].lstrip("# ")
    return title, claims_of(notebook)


def shown(value):
    """A measured or expected value in few digits."""
    if isinstance(value, list):
        if len(value) > 12 and all(isinstance(number, int | float) for number in value):
            return f"{shown(min(value))} to {shown(max(value))} ({len(value)} values)"
        return ", ".join(map(shown, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.5g}" if isinstance(value, float) else str(value)


class ClaimsDirective(Directive):
    """The list: sentence, measured, expected, tolerance, where the expected comes from."""

    def run(self):
        env = self.state.document.settings.env
        env.note_reread()
        sections = []
        for docname, (title, claims) in chapters(env.app).items():
            name = docname.rpartition("/")[2]
            section = nodes.section(ids=[nodes.make_id(f"claims-of-{name}")])
            section += nodes.title("", title)
            items = nodes.bullet_list(classes=["all-claims"])
            for number, claim in enumerate(claims, start=1):
                sentence = nodes.reference(
                    "", claim["sentence"], refuri=f"{name}.html#claim-{number}", internal=True
                )
                basis = nodes.inline(classes=["claim-basis"])
                basis += nodes.Text(self.basis(claim))
                items += nodes.list_item("", nodes.paragraph("", "", sentence, basis))
            section += items
            sections.append(section)
        return sections

    @staticmethod
    def basis(claim):
        """What stands behind the sentence, in words."""
        words = [f"measured {shown(claim['measured'])}"]
        if claim["expected"] is not True and not claim["tolerance"].startswith("at "):
            words.append(f"expected {shown(claim['expected'])}")
        return f" {', '.join(words)} ({claim['tolerance']}); {claim['source']}"


def claim_count(name, rawtext, text, lineno, inliner, options=None, content=()):
    """The number of claims: all, or those whose expected value was derived, and so on."""
    env = inliner.document.settings.env
    env.note_reread()
    claims = [claim for _, (_, found) in chapters(env.app).items() for claim in found]
    wanted = {
        "all": claims,
        "chapters": chapters(env.app),
        "derived": [c for c in claims if c["source"].startswith("derived")],
        "measured": [c for c in claims if c["source"] == "measured here"],
    }
    if text not in wanted:
        message = inliner.reporter.error(f"claim-count must be one of {', '.join(wanted)}")
        return [inliner.problematic(rawtext, rawtext, message)], [message]
    return [nodes.Text(str(len(wanted[text])))], []


def held(name, rawtext, text, lineno, inliner, options=None, content=()):
    """The sentence of one claim: the number of its chapter, and words that it alone has."""
    env = inliner.document.settings.env
    env.note_reread()
    chapter, _, words = text.partition(" ")
    found = [
        (docname.rpartition("/")[2], number, claim["sentence"])
        for docname, (_, claims) in chapters(env.app).items()
        if docname.rpartition("/")[2].startswith(chapter)
        for number, claim in enumerate(claims, start=1)
        if words in claim["sentence"]
    ]
    if len(found) != 1:
        message = inliner.reporter.error(f"{len(found)} claims of {chapter} have {words!r}")
        return [inliner.problematic(rawtext, rawtext, message)], [message]
    ((page, number, sentence),) = found
    return [nodes.reference("", sentence, refuri=f"{page}.html#claim-{number}", internal=True)], []


def number_claims(app, doctree, docname):
    """Give each claim on a chapter's page its anchor."""
    if not (Path(app.srcdir) / f"{docname}.ipynb").exists():
        return
    number = 0
    for node in list(doctree.findall(nodes.raw)):
        if node.get("format") == "html" and OPENS.search(node.astext()):
            number += 1
            node.children = [
                nodes.Text(OPENS.sub(f'<div class="claim" id="claim-{number}"', node.astext()))
            ]
    stored = len(chapters(app).get(docname, ("", ()))[1])
    if number != stored:
        logger.warning(
            "%d claims are shown, %d are stored", number, stored, location=docname, type="claims"
        )


def setup(app):
    app.add_directive("claims", ClaimsDirective)
    app.add_role("claim-count", claim_count)
    app.add_role("held", held)
    app.connect("doctree-resolved", number_claims)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
