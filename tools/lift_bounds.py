"""Lift the upper bounds in pyproject.toml, in place: `python tools/lift_bounds.py`.

For the weekly run against versions that are newer than what is allowed.  Lower bounds stay,
and so do the bounds of what is known not to work, see KEPT.
"""

import re
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"
KEPT = {"jupyter-book"}  # 2.x does not read _config.yml and _toc.yml: it fails, as is known
REQUIREMENT = re.compile(r'"(?P<name>[A-Za-z][\w.-]*)(?P<bounds>(?:[<>=!~]=?|===)[^"\s;]+)"')


def lift_bounds(text):
    """The text of a pyproject.toml without upper bounds on what it asks for."""

    def lift(match):
        name, bounds = match["name"], match["bounds"]
        if name in KEPT:
            return match[0]
        lower = [f">={bound[2:]}" for bound in bounds.split(",") if bound[:2] in (">=", "==")]
        if len(lower) != 1:
            raise ValueError(f"one lower or exact bound is wanted of {name}, got {bounds!r}")
        return f'"{name}{lower[0]}"'

    head, mark, rest = text.partition("[project]\n")  # what builds the package stays as it is
    # What is known of one version's requirements is taken for every version's.
    table = r"(\[\[tool\.uv\.dependency-metadata\]\]\nname = .+\n)version = .+\n"
    rest = re.sub(table, r"\1", rest)
    return head + mark + REQUIREMENT.sub(lift, rest)


if __name__ == "__main__":
    PROJECT.write_text(lift_bounds(PROJECT.read_text(encoding="utf-8")), encoding="utf-8")
