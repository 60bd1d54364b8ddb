"""Print the built book to one PDF: `python tools/pdf.py [TARGET]`.

It needs Chromium or Chrome, and the built book.  Explorers become figures; the answers of
quizzes and the solutions of exercises stand at the end.
"""

import argparse
import html
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tools.printing.manuscript import document  # noqa: E402
from tools.printing.press import PrintingError, launched, print_document  # noqa: E402

BUILT = ROOT / "_build" / "html"
TARGET = ROOT / "_build" / "adam_course.pdf"


def title_page(citation):
    """The first page, from what is known for citing the course."""
    authors = ", ".join(html.escape(author["name"]) for author in citation["authors"])
    title, _, rest = citation["title"].partition(": ")
    return (
        f'<section class="title-page"><h1>{html.escape(title)}</h1><p>{html.escape(rest)}</p>'
        '<img alt="" src="../html/_images/adam.png">'
        f'<p class="title-foot">{authors}<br>Version {citation["version"]}, '
        f"{citation['date-released']}<br>Text and figures under CC BY 4.0, code under the MIT "
        "licence. The explorers are alive on the pages of the book; here stand their "
        "figures.</p></section>"
    )


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("target", type=Path, nargs="?", default=TARGET)
    target = parser.parse_args(argv).target
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    try:
        page = document(
            ROOT, BUILT, title_page(citation), BUILT.parent / "print" / "index.html",
            citation["title"],
        )  # fmt: skip
        with launched() as browser:
            print_document(page, target, browser, lambda words: print(f"{words} ...", flush=True))
    except (FileNotFoundError, PrintingError) as error:
        sys.exit(f"The book was not printed: {error}")
    print(f"The book is printed: {target}")


if __name__ == "__main__":
    main()
