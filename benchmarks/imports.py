"""What it takes to import the package, and to use what is compiled for the first time.

    python benchmarks/imports.py

    import     `import adam_course`, beyond what NumPy's own import takes
    first use  of `Fused`: loading numba and the loops that were compiled before, one step; and
               the same where nothing was compiled yet, once

Every measurement is a fresh interpreter's, in turn, on the clock on the wall; compiled loops
are looked for where numba keeps them.  Half a minute.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import (
    in_turn,
    load,
    options,
    print_findings,
    ratio,
    report,
    seconds,
)

ROOT = Path(__file__).parent.parent

# Prints the seconds that the second part takes, after the first.
CODE = """
{before}
import time
begun = time.perf_counter()
{timed}
print(time.perf_counter() - begun)
"""
STEP = """
import numpy
from adam_course import Adam
from adam_course.fused import Fused
Fused(Adam(), numpy.ones(3)).step(numpy.ones(3))
"""
PARTS = {
    "NumPy": ("", "import numpy"),
    "adam_course": ("import numpy", "import adam_course"),
    "numba": ("import numpy", "import numba"),
    "first step": ("import adam_course", STEP),
}


def interpreter(before, timed, cache=None):
    """A function that runs a statement in a fresh interpreter and returns its seconds."""
    environment = {**os.environ, **({"NUMBA_CACHE_DIR": cache} if cache else {})}
    # The first import leaves its bytecode for the others, as a reader's does.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", CODE.format(before=before, timed=timed)]

    def measure():
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{timed.strip()}:\n{done.stderr}")
        return float(done.stdout)

    return measure


def main(argv=None):
    """Print the tables, and write the findings where that is asked for."""
    asked = options(__doc__, rounds=20, quick=5, argv=argv)
    before = load()
    print(__doc__.splitlines()[0])
    tasks = {name: interpreter(*part) for name, part in PARTS.items()}
    for task in tasks.values():
        task()  # once untimed: files are read from disk, and loops compiled that were not yet
    times = in_turn(tasks, asked.rounds)
    findings = [
        ratio("import: adam_course beyond NumPy / NumPy", times["adam_course"], times["NumPy"]),
        ratio("first step, compiled before / import of numba", times["first step"], times["numba"]),
        seconds("import: NumPy", times["NumPy"]),
        seconds("import: adam_course beyond NumPy", times["adam_course"], 0.15),
        seconds("import: numba beyond NumPy", times["numba"]),
        seconds("first step, compiled before", times["first step"]),
    ]
    with tempfile.TemporaryDirectory() as empty:
        anew = interpreter(*PARTS["first step"], cache=empty)
        findings.append(seconds("first step, compiled anew", [anew()]))
    print_findings(f"{asked.rounds} rounds", findings)
    report("imports", findings, before, asked)


if __name__ == "__main__":
    main()
