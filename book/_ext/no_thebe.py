"""Leave out thebe, which Jupyter Book loads for every book.

It runs code on a server of somebody else, over the network; this book needs neither.
Loaded for nothing it also declares its constants twice, which is an error in a browser.
"""

EARLY = 1


def disconnect(app, config):
    """Take every handler of sphinx-thebe off Sphinx's events."""
    for handlers in app.events.listeners.values():
        handlers[:] = [
            each for each in handlers if not each.handler.__module__.startswith("sphinx_thebe")
        ]


def forget_stylesheet(app, pagename, templatename, context, doctree):
    """Leave out its stylesheet too, which it names before it can be disconnected."""
    sheets = context["css_files"]
    sheets[:] = [sheet for sheet in sheets if "sphinx-thebe" not in str(sheet.filename)]


def setup(app):
    app.connect("config-inited", disconnect, priority=EARLY)
    app.connect("html-page-context", forget_stylesheet)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
