"""Run and store notebooks: `python tools/notebooks.py [--check] [NOTEBOOK ...]`.

Every notebook is run from top to bottom in a fresh kernel and stored in one normal
form, so that a rerun changes no byte that did not change meaning: an output that says
the same as the stored one (text equal, figure materially equal) stays as it was stored.
A cell that fails leaves its notebook as it was.  With --check nothing is run; the
stored form is checked.
"""

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import nbformat  # noqa: E402
import yaml  # noqa: E402
from nbclient import NotebookClient  # noqa: E402
from nbclient.exceptions import CellExecutionError  # noqa: E402
from nbval.plugin import coalesce_streams  # noqa: E402

from tools.outputs import claim_difference, picture_difference  # noqa: E402

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# What a cell may say about itself; all else comes and goes with the program that saved it.
CELL_METADATA = {"tags", "mystnb", "jupyter"}
# A live widget has a new number in every run, and without its kernel nothing to show; what
# it leaves besides, as HTML, is kept.
WIDGET = "application/vnd.jupyter.widget-view+json"
TIMEOUT = 60  # seconds a cell may take, here and in the tests


def chapters():
    """The notebooks of the book, in its order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [ROOT / f"{file}.ipynb" for file in files if (ROOT / f"{file}.ipynb").exists()]


def say_the_same(stored, computed):
    """Whether two lists of outputs of a cell differ in nothing that a reader would see."""

    def words(outputs):
        return [
            (
                output.output_type,
                output.get("name"),
                output.get("text"),
                {
                    kind: data
                    for kind, data in output.get("data", {}).items()
                    if kind not in ("image/png", WIDGET)
                },
            )
            for output in coalesce_streams(outputs)
        ]

    return (
        words(stored) == words(computed)
        and not picture_difference(stored, computed)
        and not claim_difference(stored, computed)
    )


def normalise(notebook, stored):
    """The notebook in its normal form, with the stored outputs where they say the same."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    before = {cell.id: cell for cell in stored.cells if cell.cell_type == "code"}
    count = 0
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {key: value for key, value in cell.metadata.items() if key in CELL_METADATA}
        )
        if cell.cell_type != "code":
            continue
        count += bool(cell.source.strip())
        cell.execution_count = count if cell.source.strip() else None
        outputs = coalesce_streams(cell.outputs)
        for output in outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
            output.get("data", {}).pop(WIDGET, None)
        old = before.get(cell.id)
        same = old is not None and old.outputs and say_the_same(old.outputs, outputs)
        cell.outputs = old.outputs if same else outputs
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    return notebook


def written(notebook):
    """The text of a notebook's file."""
    return nbformat.writes(notebook) + "\n"


def store(path, notebook):
    """Write the notebook whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(written(notebook), encoding="utf-8")
    os.replace(part, path)


def run(path):
    """Run one notebook and store it; True if its file changed."""
    stored = nbformat.read(path, as_version=4)
    notebook = nbformat.read(path, as_version=4)
    total = sum(cell.cell_type == "code" for cell in notebook.cells)
    done = 0

    def progress(cell, cell_index, **_):
        nonlocal done
        if cell.cell_type == "code":
            done += 1
            print(f"\r{path.name}: cell {done} of {total}", end="", flush=True)

    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=False,
        on_cell_start=progress,
    )
    client.execute()
    notebook = normalise(notebook, stored)
    changed = written(notebook) != path.read_text(encoding="utf-8")
    if changed:
        store(path, notebook)
    print(f"\r{path.name}: {total} cells, {'stored' if changed else 'unchanged'}")
    return changed


def faults(path):
    """What is wrong with the stored form of a notebook, in words."""
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = []
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        found.append("it was not run from top to bottom")
    for number, cell in enumerate(code, start=1):
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"cell {number} stores an error")
            if output.get("name") == "stderr":
                found.append(f"cell {number} stores stderr")
    if len({cell.id for cell in notebook.cells}) != len(notebook.cells):
        found.append("two cells have the same id")
    again = nbformat.reads(text, as_version=4)
    if written(normalise(again, notebook)) != text:
        found.append("it is not in normal form: run `make notebooks`")
    return found


def main(arguments=None):
    """Run (or check) the notebooks named, or all of them."""
    parser = argparse.ArgumentParser(description="Run and store notebooks.")
    parser.add_argument("--check", action="store_true", help="check the stored form, run nothing")
    parser.add_argument("notebooks", nargs="*", type=Path)
    options = parser.parse_args(arguments)
    paths = [path.resolve() for path in options.notebooks] or chapters()
    failed = False
    for path in paths:
        if options.check:
            for fault in faults(path):
                print(f"{path.name}: {fault}")
                failed = True
            continue
        try:
            run(path)
        except CellExecutionError as error:
            print(f"\n{path.name} is left as it was: a cell failed\n{error}", file=sys.stderr)
            failed = True
        except KeyboardInterrupt:
            print(f"\ninterrupted: {path.name} is left as it was", file=sys.stderr)
            return 130
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
