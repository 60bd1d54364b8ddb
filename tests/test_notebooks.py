"""The stored form of every notebook, and the bones of every chapter, without running it."""

import json
import re
from pathlib import Path

import nbformat
import pytest

from tools.notebooks import ROOT, chapters, faults
from tools.outputs import claims, pictures
from tools.prose import loose

NOTEBOOKS = chapters()
# What has a number is a chapter; the others are reference pages, made of cells as well.
CHAPTERS = [path for path in NOTEBOOKS if path.stem[:2].isdigit()]

# What a chapter has, in this order: a name, and the pattern that finds it.
BONES = (
    ("title", r"^# \S"),
    ("what you will be able to do", r"^\*\*You will be able to\*\*$"),
    ("minutes and slide", r"^\*About \d+ minutes to read\. It mirrors slide \d+, .+\*$"),
    ("something to predict", r"^### Predict"),
    ("something to turn", r"^## Turn it$"),
    ("claims", r"^## Claims$"),
    ("exercises", r"^## Exercises$"),
    ("a first exercise", r"^### \d+\.1 "),
    ("from slide to chapter", r"^## From slide to chapter$"),
    ("where to read on", r"^## Read on$"),
)

# Chapters past the slides mirror none; where the others compare, they say what is left out.
SLIDES = 14
PAST_THE_SLIDES = {
    "minutes and slide": r"^\*About \d+ minutes to read\. It goes past the slides\.\*$",
    "from slide to chapter": r"^## What the slides leave out$",
}

# What makes a notebook's outputs differ from run to run, or need what is not there.
FORBIDDEN = {
    "a shell command": r"^\s*[!%]\s*\w",
    "a semicolon to hide an output, which nbval does not honour": r";\s*$",
    "clear_output": r"\bclear_output\b",
    "interact": r"\binteract(ive|_manual|ive_output)?\(",
    "an unseeded generator": r"default_rng\(\)|np\.random\.(rand|randn|normal|uniform)\(",
    "a path of one machine": r"['\"](/home/|/Users/|/root/|[A-Z]:\\)",
    "a download": r"\burlopen\b|\brequests\.|\bhttps?://",
}


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_every_notebook_is_in_the_table_of_contents():
    assert {path.name for path in NOTEBOOKS} == {path.name for path in ROOT.glob("book/*.ipynb")}
    assert CHAPTERS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_stored_as_it_ran(path):
    assert faults(path) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_small_enough_to_load(path):
    assert path.stat().st_size < 2_500_000


def test_has_the_bones_of_a_chapter(notebook, request):
    chapter = int(request.node.callspec.params["notebook"].stem[:2])
    others = PAST_THE_SLIDES if chapter > SLIDES else {}
    lines = "\n".join(
        cell.source for cell in notebook.cells if cell.cell_type == "markdown"
    ).splitlines()
    at = -1
    for name, pattern in BONES:
        pattern = others.get(name, pattern)
        found = [number for number, line in enumerate(lines) if re.search(pattern, line)]
        assert found, f"the chapter has no {name} ({pattern})"
        later = [number for number in found if number > at]
        assert later, f"{name} stands before what should precede it"
        at = later[0]


def test_says_what_every_figure_shows(notebook):
    texts = []
    for cell in code_cells(notebook):
        if not pictures(cell.outputs):
            continue
        text = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        assert len(text) >= 80, f"too little to see by: {text!r} at\n{cell.source[:200]}"
        texts.append(text)
    assert texts, "a chapter without a figure"
    assert len(set(texts)) == len(texts), "two figures share their words"


def test_has_nothing_that_differs_from_run_to_run(notebook):
    for cell in code_cells(notebook):
        for line in cell.source.splitlines():
            code = line.split("#")[0]
            for name, pattern in FORBIDDEN.items():
                assert not re.search(pattern, code), f"{name}: {line}"
        for output in cell.outputs:
            shown = json.dumps(output.get("data", {}).get("text/plain", output.get("text", "")))
            assert not re.search(r"0x[0-9a-f]{6,}", shown), f"an address: {shown[:200]}"


def test_claims_are_folded(notebook):
    held = [cell for cell in code_cells(notebook) if claims(cell.outputs)]
    assert held, "a chapter without a claim"
    for cell in held:
        tags = cell.metadata.get("tags", [])
        assert "hide-input" in tags or "hide-cell" in tags, f"not folded:\n{cell.source[:200]}"
        assert cell.metadata.get("jupyter", {}).get("source_hidden"), "not folded in JupyterLab"


def test_every_claim_in_the_code_was_shown(notebook):
    for cell in code_cells(notebook):
        called = len(re.findall(r"^claim\(", cell.source, flags=re.MULTILINE))
        assert len(claims(cell.outputs)) >= called


def test_stores_no_claim_that_was_let_pass_on_other_data(notebook):
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    shown = [out.get("metadata", {}).get("adam_course", {}) for out in outputs]
    assert not [kind for kind in shown if "contrast" in kind]


def test_exercises_are_two_to_four_each_with_a_solution(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    exercises = re.findall(r"^### (\d+\.\d+) ", text, flags=re.MULTILINE)
    assert 2 <= len(exercises) <= 4
    folded = [cell for cell in code_cells(notebook) if "hide-cell" in cell.metadata.get("tags", [])]
    assert len(folded) + text.count("<details>") >= len(exercises)
    for cell in folded:
        assert cell.metadata["mystnb"]["code_prompt_show"].startswith("Show")


def test_links_to_files_that_are_there(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)#:]+)\)", cell.source):
                assert (Path(ROOT / "book") / target).exists(), target


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_number_in_the_prose_is_held_by_a_claim(path):
    assert loose(path) == []


class TestTheCheckOfNumbers:
    """It must be able to fail."""

    def chapter(self, prose, sentence="It takes 216 steps", measured=216.0, code="steps = 500"):
        claim = {"sentence": sentence, "measured": measured, "expected": 216.0}
        claim |= {"tolerance": "within 1 %", "source": "derived"}
        output = {"output_type": "display_data", "metadata": {"adam_course": {"claim": claim}}}
        return {
            "cells": [
                {"cell_type": "markdown", "source": [prose]},
                {"cell_type": "code", "source": [code], "outputs": [output]},
            ]
        }

    def loose_in(self, tmp_path, *arguments, **options):
        path = tmp_path / "chapter.ipynb"
        path.write_text(json.dumps(self.chapter(*arguments, **options)), encoding="utf-8")
        return [written for _, written, _ in loose(path)]

    @pytest.mark.parametrize(
        "prose",
        [
            "It takes 216 steps of 500.",
            "It takes about 220 steps.",
            "See [chapter 14](14_resources.ipynb) and slide 13, from 2014.",
            "With $a = 77$ and `b = 78`.",
            "## After 79 steps",
            "Twelve, 12, is a word.",
            "```\n99 lines\n```",
        ],
    )
    def test_lets_pass_what_is_held_set_or_no_number_of_the_text(self, tmp_path, prose):
        assert self.loose_in(tmp_path, prose) == []

    @pytest.mark.parametrize(
        ("prose", "written"),
        [
            ("It takes 217 steps.", "217"),
            ("It takes 216.4 steps.", "216.4"),
            ("It is 1.5 times as fast.", "1.5"),
            ("It is 21600 % faster, and 2.16 times.", "2.16"),
            ("It takes 12 939 steps.", "12 939"),
            ("It loses 37 per cent.", "37"),
        ],
    )
    def test_finds_what_nothing_holds(self, tmp_path, prose, written):
        assert self.loose_in(tmp_path, prose) == [written]

    def test_takes_per_cents_for_shares(self, tmp_path):
        share = {"sentence": "The share is 0.25", "measured": 0.25}
        assert self.loose_in(tmp_path, "A share of 25 %.", **share) == []
        assert self.loose_in(tmp_path, "A share of 25.", **share) == ["25"]
