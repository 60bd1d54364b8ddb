"""What has become slower, or faster, since benchmarks/ratios.json was stored.

    python benchmarks/regress.py
    python benchmarks/regress.py --quick
    python benchmarks/regress.py --read steps.json sweeps.json imports.json
    python benchmarks/regress.py --read steps.json sweeps.json imports.json --store

Runs steps.py, sweeps.py and imports.py, or reads what they wrote with --json, and compares
every ratio with the stored one.  Seconds are not compared, they are the machine's.

A ratio has moved when its median and its ratio of leasts have both moved by more than a band:
10 % on the processor that the stored ones are from and 30 % on another, or the distance of the
quartiles, then or now, where that is more.  The exit status is 1 if one has moved to the worse,
2 if something could not be measured.  Goals that are missed are named; --strict makes them an
exit status of 1 too.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import LIBRARIES, Finding, machine_line, write_json

HERE = Path(__file__).parent
STORED = HERE / "ratios.json"
SCRIPTS = ("steps", "sweeps", "imports")
BAND, BAND_ELSEWHERE = 0.10, 0.30
SAME = ("processor", "cores", "caches", "system")  # what makes it the same machine
KEPT = ("median", "low", "high", "least", "rounds")  # of a ratio, in the stored file


class UnmeasuredError(Exception):
    """A benchmark failed, or its file cannot be used: nothing can be said."""


def run_all(quick):
    """Run every benchmark; the contents of the files that they wrote."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name in SCRIPTS:
            files.append(Path(folder) / f"{name}.json")
            command = [sys.executable, str(HERE / f"{name}.py"), "--json", str(files[-1])]
            status = subprocess.run(command + ["--quick"] * quick, check=False).returncode
            if status:
                raise UnmeasuredError(f"benchmarks/{name}.py ended with exit status {status}")
            print(flush=True)
        return [read(file) for file in files]


def read(path):
    """The content of one benchmark's file, its findings as `Finding`s."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        findings = [Finding(**finding) for finding in content["findings"]]
        return {"machine": content["machine"], "quick": content["quick"], "findings": findings}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UnmeasuredError(f"{path} is no file that a benchmark wrote: {error!r}") from None


def one_machine(contents):
    """The machine that all were measured on; what one process lacked, another may have had."""
    found = dict(contents[0]["machine"])
    for content in contents[1:]:
        for key, value in content["machine"].items():
            if found.get(key, "absent") == "absent":
                found[key] = value
            elif value not in (found[key], "absent"):
                raise UnmeasuredError(
                    f"the files must be from one machine, got {key} {found[key]} and {value}"
                )
    return found


def band(found, stored, same):
    """How far a ratio may move before that means something, as a part of what it was."""
    return max(BAND if same else BAND_ELSEWHERE, found.spread, stored.spread)


def verdict(found, stored, same):
    """ "worse", "better" or "as before": what a ratio is to the stored one."""
    allowed = 1 + band(found, stored, same)
    if found.median > stored.median * allowed and found.least > stored.least * allowed:
        return "worse"
    if found.median * allowed < stored.median and found.least * allowed < stored.least:
        return "better"
    return "as before"


def compare(findings, ratios, same):
    """Print every ratio beside the stored one; the names of those that are worse."""
    width = 2 + max(map(len, [*ratios, *(finding.name for finding in findings)]))
    print(f"{'ratio':<{width}}{'stored':>8}{'now':>8}{'change':>9}{'band':>7}")
    worse = []
    for now in findings:
        if now.name not in ratios:
            print(f"{now.name:<{width}}{'':>8}{now.median:>8.3g}  new")
            continue
        then = Finding(now.name, **ratios[now.name])
        said, change = verdict(now, then, same), now.median / then.median - 1
        print(
            f"{now.name:<{width}}{then.median:>8.3g}{now.median:>8.3g}{change:>+9.0%}"
            f"{band(now, then, same):>7.0%}  {said}"
        )
        worse += [now.name] if said == "worse" else []
    for name in sorted(ratios.keys() - {finding.name for finding in findings}):
        print(f"{name:<{width}}{ratios[name]['median']:>8.3g}{'':>8}  not measured")
    return worse


def store(path, machine, ratios):
    """Write the file that later runs are compared with."""
    kept = {
        finding.name: {key: _short(getattr(finding, key)) for key in KEPT} for finding in ratios
    }
    write_json(path, {"machine": machine, "ratios": kept})


def _short(value):
    return float(f"{value:.4g}") if isinstance(value, float) else value


def arguments(argv):
    """What the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--read", nargs="+", metavar="FILE", help="compare what is in these files, run nothing")
    add("--quick", action="store_true", help="run the benchmarks with --quick")
    add("--store", action="store_true", help="afterwards, store the ratios in place of the old")
    add("--stored", metavar="FILE", default=STORED, help="default: benchmarks/ratios.json")
    add("--strict", action="store_true", help="a goal that is missed is a failure, too")
    return parser.parse_args(argv)


def main(argv=None):
    """Compare, say what moved, and return the exit status."""
    asked = arguments(argv)
    try:
        contents = list(map(read, asked.read)) if asked.read else run_all(asked.quick)
        machine = one_machine(contents)
        if asked.store and any(content["quick"] for content in contents):
            raise UnmeasuredError("what --quick measured is too rough to be stored")
        old = {"machine": machine, "ratios": {}}
        if Path(asked.stored).exists():
            old = json.loads(Path(asked.stored).read_text(encoding="utf-8"))
        elif not asked.store:
            raise UnmeasuredError(f"there is no {asked.stored} to compare with; --store makes one")
    except UnmeasuredError as error:
        print(error, file=sys.stderr)
        return 2
    findings = [finding for content in contents for finding in content["findings"]]
    ratios = [finding for finding in findings if not finding.unit]
    same = all(machine[key] == old["machine"][key] for key in SAME)
    print(f"stored on: {machine_line(old['machine'])}\nnow on:    {machine_line(machine)}")
    print(
        "The same machine.\n"
        if same
        else f"Another machine: what moves by less than {BAND_ELSEWHERE:.0%} says nothing.\n"
    )
    for name in ("Python", *LIBRARIES):
        if machine[name] != old["machine"][name] != "absent" != machine[name]:
            print(f"{name} {old['machine'][name]} was stored, now it is {machine[name]}")
    worse = compare(ratios, old["ratios"], same)
    missed = [f for f in findings if f.verdict not in ("", "met")]
    for finding in missed:
        print(
            f"goal {finding.verdict.lower()}: {finding.name} is {finding.median:.3g}{finding.unit} "
            f"(of the leasts {finding.least:.3g}), and should be at most {finding.goal:g}"
        )
    print(f"\nworse than stored: {', '.join(worse) or 'none'}")
    if asked.store:
        store(asked.stored, machine, ratios)
        print(f"stored {len(ratios)} ratios in {asked.stored}")
        return 0
    return int(bool(worse or (asked.strict and any(f.verdict == "MISSED" for f in missed))))


if __name__ == "__main__":
    sys.exit(main())
