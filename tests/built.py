"""The built book, as the tests of it see it."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
HTML = ROOT / "_build" / "html"
STAMP = ROOT / "_build" / ".built"


def pages():
    """The pages of the table of contents, built."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    names = [toc["root"]]
    names += [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [HTML / f"{name}.html" for name in names]


def sources():
    """The files that the book is made of."""
    found = [ROOT / "_config.yml", ROOT / "_toc.yml"]
    found += [
        path
        for path in (ROOT / "book").rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and ".ipynb_checkpoints" not in path.parts
    ]
    return found
