"""The index leads from a name of the package to the chapters that import it.

An entry is written as `minimize (adam_course)`.  Left out are a module's tables, whose
names are in capitals, unless the package itself offers them.
"""

import ast

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

import adam_course

PACKAGE = adam_course.__name__


def imported(code):
    """(name, module) of everything that some code imports from the package."""
    # A cell may show code that is wrong on purpose.
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            yield from ((name.name, node.module) for name in node.names)


class IndexNames(SphinxTransform):
    """Note in the index the first cell of a chapter that imports a name."""

    default_priority = 800  # index entries are collected at 850

    def apply(self, **kwargs):
        seen = set()
        for cell in self.document.findall(nodes.container):
            if cell.get("nb_element") != "cell_code":
                continue
            code = cell.next_node(nodes.literal_block)
            found = dict(imported(code.astext() if code else "")).items() - seen
            if found and not cell["ids"]:
                cell["ids"].append(f"imports-{len(seen) + 1}")
            self.document += addnodes.index(
                entries=[
                    ("single", f"{name} ({module})", cell["ids"][0], "", None)
                    for name, module in sorted(found)
                    if name in adam_course.__all__ or not name.isupper()
                ]
            )
            seen |= found


def setup(app):
    app.add_transform(IndexNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
