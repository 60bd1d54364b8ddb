"""A picture without words fails the build.

Every image of the book has alternative text that says what it shows.  One that has
none is a warning here, and warnings are errors.
"""

from docutils import nodes
from sphinx.util import logging

logger = logging.getLogger(__name__)
LEAST = 40  # characters; a file name or "figure" says nothing


def check_images(app, doctree, docname):
    """Warn of every image whose alternative text is missing or too short to say anything."""
    for image in doctree.findall(nodes.image):
        alt = " ".join(image.get("alt", "").split())
        if len(alt) < LEAST:
            logger.warning(
                "an image has no alternative text that says what it shows (%r); in a notebook "
                "it stands in the cell's metadata under mystnb.image.alt",
                alt,
                location=image if image.line else docname,
                type="figure",
                subtype="alt",
            )


def setup(app):
    app.connect("doctree-resolved", check_images)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
