"""How to take the book along: {take}`zip` and {take}`pdf`.

Where the address of the published book is known (see findable.py), they are links to it, and
lead there from a copy on disk, too.  Elsewhere nothing has put the files anywhere, so the
commands that make them are named.
"""

import os

from docutils import nodes
from findable import find_address

FOLDER = "downloads"
FILES = {
    "zip": ("adam_course.zip", "a zip of these pages", "make zip"),
    "pdf": ("adam_course.pdf", "a PDF of the whole book", "make pdf"),
}


def take(name, rawtext, text, lineno, inliner, options=None, content=()):
    """One file: a link to it, or the command that makes it."""
    if text not in FILES:
        message = inliner.reporter.error(f"take must be one of {', '.join(FILES)}, got {text!r}")
        return [inliner.problematic(rawtext, rawtext, message)], [message]
    file, words, command = FILES[text]
    inliner.document.settings.env.note_reread()  # the address may have changed
    if address := find_address(os.environ):
        return [nodes.reference("", words, refuri=f"{address}{FOLDER}/{file}")], []
    return [nodes.Text(f"{words} ("), nodes.literal("", command), nodes.Text(")")], []


def setup(app):
    app.add_role("take", take)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
