"""Widgets that are alive on a page: their script and style, and directives for them.

A widget in a notebook leaves `text/html` in its cell; a Markdown page says

    ```{explorer}
    landscape: himmelblau
    rules: [Adam, Momentum]
    ```

with the widget's arguments.  A page with a widget gets the one script that mounts it,
which fetches nothing.
"""

from pathlib import Path

import yaml
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.transforms.post_transforms import SphinxPostTransform

from adam_course.widgets import Explorer, Microscope
from adam_course.widgets.assets import page_script, style

SCRIPT, STYLE = "adam_widgets.js", "adam_widgets.css"


class WidgetDirective(Directive):
    """The HTML that a widget with these arguments leaves."""

    has_content = True
    widget = None

    def run(self):
        try:
            traits = yaml.safe_load("\n".join(self.content)) or {}
            html = self.widget(**traits).to_html()
        except (yaml.YAMLError, TypeError, ValueError) as error:
            raise self.error(f"{self.name}: {error}") from None
        return [nodes.raw("", html, format="html")]


class ExplorerDirective(WidgetDirective):
    widget = Explorer


class MicroscopeDirective(WidgetDirective):
    widget = Microscope


class PictureOfSliders(SphinxPostTransform):
    """Sliders that need a kernel leave a sentence and their last picture: show both.

    Of the forms in which an output comes MyST-NB shows one; before it chooses, the
    picture is put below the sentence.
    """

    default_priority = 3  # MyST-NB chooses at 4

    def run(self, **kwargs):
        for bundle in self.document.findall(nodes.container):
            if bundle.get("nb_element") != "mime_bundle":
                continue
            forms = {form.get("mime_type"): form for form in bundle.children}
            words, picture = forms.get("text/html"), forms.get("image/png")
            if words and picture and 'class="adam-sliders"' in words.astext():
                words.extend(child.deepcopy() for child in picture.children)


def write_files(app):
    """Put script and style where pages look for them."""
    if app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    (static / SCRIPT).write_text(page_script(), encoding="utf-8")
    (static / STYLE).write_text(style(), encoding="utf-8")


def load_where_needed(app, pagename, templatename, context, doctree):
    """Only a page with a widget loads them."""
    if 'class="adam-widget"' in context.get("body", ""):
        app.add_css_file(STYLE)
        app.add_js_file(SCRIPT, loading_method="defer")


def setup(app):
    app.add_directive("explorer", ExplorerDirective)
    app.add_directive("microscope", MicroscopeDirective)
    app.add_post_transform(PictureOfSliders)
    app.connect("builder-inited", write_files)
    app.connect("html-page-context", load_where_needed)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
