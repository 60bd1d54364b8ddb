"""What assistive technology stumbles over in the pages that docutils, pandas and the theme make.

The corner of a table is no header, an entry of the bibliography is an item of its list (the
role that docutils gives it is deprecated), and what a script alone can know, whether a
table is wider than the page, accessible.js sees to.
"""

import re

MENDED = (
    # A header that is empty heads nothing.
    (
        re.compile(r"<th(?P<attributes>[^>]*)>\s*(?:<p>\s*</p>)?\s*</th>"),
        r"<td\g<attributes>></td>",
    ),
    (re.compile(r'role="doc-biblioentry"'), 'role="listitem"'),
)


def mend(app, pagename, templatename, context, doctree):
    """Mend the body of a page."""
    for wrong, right in MENDED:
        if "body" in context:
            context["body"] = wrong.sub(right, context["body"])


def setup(app):
    app.add_js_file("accessible.js", loading_method="defer")
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
