"""What holds for every test of the project.

nbval compares the text of a notebook's outputs; the pictures among them, and the claims
in their metadata, are compared here, in the same run of the cell.
"""

import os
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell

from tools.outputs import claim_difference, picture_difference, pictures

# One thread, in the kernels too: see the Makefile.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

# Two of the tests' conftest.py have one module name, and none has a doctest.
collect_ignore_glob = ["*/conftest.py"]

DIFFERENCES = Path(__file__).parent / "_build" / "figures"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """After nbval's own comparison of a cell, compare what it leaves out."""
    result = yield
    if isinstance(item, IPyNbCell) and item.options["check"]:
        stored, computed = item.cell.outputs, item.test_outputs
        different = picture_difference(stored, computed)
        if different:
            different += f"; both are in {_keep(item, stored, computed)}"
        different = different or claim_difference(stored, computed)
        if different:
            item.raise_cell_error("Cell outputs differ", different)
    return result


def _keep(item, stored, computed):
    """Write the pictures of a cell that differ, for somebody to look at."""
    DIFFERENCES.mkdir(parents=True, exist_ok=True)
    name = f"{item.parent.path.stem}-cell-{item.cell_num}"
    for kind, outputs in (("stored", stored), ("computed", computed)):
        for number, png in enumerate(pictures(outputs), start=1):
            (DIFFERENCES / f"{name}-{number}-{kind}.png").write_bytes(png)
    return DIFFERENCES
