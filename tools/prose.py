"""Numbers in the prose of a chapter that nothing holds.

A number that a reader meets in the text of a notebook must stand in one of its claims (in
the sentence, or as the measured or expected value, rounded as the text rounds it), or be a
setting that the notebook's own code has.  Numbers in formulas, code, headings, links and
citations do not count, nor do chapters, steps of a list and dates.

    python tools/prose.py [NOTEBOOK ...]
"""

import json
import math
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from adam_course.claims import claims_of  # noqa: E402

# What is taken out of the text before numbers are looked for.
APART = (
    r"```.*?```",  # code
    r"^\s*#.*$",  # headings
    r"^\*About .*$",  # minutes and slide
    r"\$\$.*?\$\$",  # formulas
    r"\$[^$]*\$",
    r"`[^`]*`",
    r"\{[a-z:]+\}`[^`]*`",  # roles
    r"\]\([^)]*\)",  # addresses of links
    r"<[^>]*>",
    r"^\s*\d+\.\s",  # steps of a list
    r"\b[Cc]hapters?\s+\d+(\s+(to|and)\s+\d+)?",
    r"\b([Ss]lides?|[Ee]xercises?|[Ss]ection|Algorithm|[Ll]ecture|equation|figure|version)\s+[\d.]+\d|"
    r"\b([Ss]lides?|[Ee]xercises?|[Ss]ection|Algorithm|[Ll]ecture|equation|figure)\s+\d+",
    r"\b(1[89]|20)\d\d\b",  # years
    r"\b[a-zA-Z]+-?\d+\b",  # names: float32, R2, 3-D is below
    r"\b\d+-[DdA-Za-z]+\b",
    r"arXiv:[\d.]+",
    r"[₀-₉⁰¹²³⁴-⁹]+",
)
SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
NUMBER = re.compile(
    r"(?<![\w.,/])[-−+]?\d{1,3}(?:[ \u202f\u00a0]\d{3})+(?![\d.])"
    r"|(?<![\w.])[-−+]?\d+(?:,\d{3})+(?![\d.])"
    r"|(?<![\w])[-−+]?\d+(?:\.\d+)?(?:e[-−+]?\d+)?(?![\w])"
)
# Small whole numbers are words as often as they are measurements.
SMALL = 12


def prose(notebook):
    """The text of a notebook's Markdown cells, without what is not prose: (cell, text)."""
    in_exercises = False
    for index, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] != "markdown":
            continue
        text = "".join(cell["source"])
        if re.search(r"^## Exercises", text, flags=re.M):
            in_exercises = True
        if re.search(r"^## (From slide|What the slides)", text, flags=re.M):
            in_exercises = False
        if in_exercises:  # an exercise sets its numbers, it does not report them
            continue
        for pattern in APART:
            text = re.sub(pattern, " ", text, flags=re.M | re.S)
        yield index, text


def numbers(text):
    """(as written, value, digits after the point) of every number in a text."""
    for match in NUMBER.finditer(text):
        written = match[0]
        plain = written.replace("−", "-").replace("\u202f", "").replace("\u00a0", "")
        plain = re.sub(r"(?<=\d)[ ,](?=\d{3})", "", plain)
        mantissa = plain.lower().partition("e")[0]
        yield written, abs(float(plain)), len(mantissa.partition(".")[2])


def held(notebook):
    """Every value that the notebook's claims hold, and those that its code sets."""
    values = set()
    for claim in claims_of(notebook):
        for part in (claim["measured"], claim["expected"]):
            values.update(abs(v) for v in _flat(part))
        for text in (claim["sentence"], claim["tolerance"]):
            values.update(value for _, value, _ in numbers(text.translate(SUPERSCRIPT)))
            values.update(value for _, value, _ in numbers(text))
    settings = set()
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            code = re.sub(r"(?<=\d)_(?=\d)", "", "".join(cell["source"]))
            settings.update(
                abs(float(n)) for n in re.findall(r"(?<![\w.])\d+\.?\d*(?:e-?\d+)?", code)
            )
    return values, settings


def _flat(value):
    if isinstance(value, list):
        return [number for part in value for number in _flat(part)]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return []
    return [value] if math.isfinite(value) else []


def matches(value, digits, values, per_cent=False):
    """Whether a number, as the text rounds it, is one of the values (in per cent)."""
    half = 0.5 * 10.0**-digits
    for candidate in values:
        for scaled in (candidate, 100 * candidate) if per_cent else (candidate,):
            if abs(scaled - value) <= half * (1 + 1e-9):
                return True
    # Rounded to fewer digits than it has: 12 800 for 12 804.
    if value >= 100 and value == round(value):
        zeros = len(str(int(value))) - len(str(int(value)).rstrip("0"))
        return any(abs(candidate - value) <= 0.5 * 10**zeros for candidate in values)
    return False


def loose(path):
    """The numbers in a notebook's prose that nothing holds: (cell, number, context)."""
    notebook = json.loads(Path(path).read_text(encoding="utf-8"))
    values, settings = held(notebook)
    found = []
    for index, text in prose(notebook):
        for match in NUMBER.finditer(text):
            ((written, value, digits),) = numbers(match[0])
            if value <= SMALL and value == round(value) and digits == 0:
                continue
            per_cent = re.match(r"\s*(%|per cent)", text[match.end() :]) is not None
            if matches(value, digits, values, per_cent) or value in settings:
                continue
            around = " ".join(text[max(0, match.start() - 50) : match.end() + 30].split())
            found.append((index, written, around))
    return found


def main():
    paths = [Path(name) for name in sys.argv[1:]] or sorted(ROOT.glob("book/[0-9]*.ipynb"))
    total = 0
    for path in paths:
        for index, written, around in loose(path):
            print(f"{path.name}, cell {index}: {written!r} in “{around}”")
            total += 1
    print(f"{total} numbers that nothing holds")
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main())
