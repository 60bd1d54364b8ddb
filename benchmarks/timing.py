"""What the benchmarks of speed share: rounds, ratios with their spread, goals, and the machine.

One machine is faster than another, and the same one is faster at night.  So nothing here is
judged by its seconds alone: what is compared is measured in turn, A B C, A B C, and of each
round the ratio A / B is taken.  What is reported are the median of these ratios, their
quartiles, and the ratio of the least times, which other work on the machine disturbs least.
"""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
import traceback
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# What each library that computes reads, when it is loaded, as its number of threads.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
LIBRARIES = ("numpy", "numba", "torch", "jax")

# ------------------------------------------------------------------- what was found


@dataclass(frozen=True)
class Finding:
    """One number that was measured in rounds, and what it should at most be.

    `unit` is "" for a ratio and "s" for seconds; `low` and `high` are the quartiles; `least`
    is the ratio of the least times, or the least time.
    """

    name: str
    median: float
    low: float
    high: float
    least: float
    rounds: int
    unit: str = ""
    goal: float | None = None

    @property
    def verdict(self):
        """Whether the goal is met; "unclear" where the median and the least disagree."""
        if self.goal is None:
            return ""
        met = {self.median <= self.goal, self.least <= self.goal}
        return "unclear" if len(met) > 1 else "met" if met.pop() else "MISSED"

    @property
    def spread(self):
        """The distance of the quartiles, as a part of the median."""
        return (self.high - self.low) / self.median


def quartiles(values):
    """The lower quartile, the median and the upper quartile; a single value is all three."""
    if len(values) == 1:
        return (values[0],) * 3
    return tuple(statistics.quantiles(values, n=4, method="inclusive"))


def ratio(name, times, base, goal=None):
    """The finding that something took so many times as long as `base`, round by round."""
    if len(times) != len(base) or not times:
        raise ValueError(
            f"times and base must have as many rounds, got {len(times)} and {len(base)} for "
            f"{name!r}"
        )
    low, median, high = quartiles([one / other for one, other in zip(times, base)])
    return Finding(name, median, low, high, min(times) / min(base), len(times), goal=goal)


def seconds(name, times, goal=None):
    """The finding that something took so many seconds."""
    low, median, high = quartiles(times)
    return Finding(name, median, low, high, min(times), len(times), "s", goal)


def print_findings(title, findings):
    """A table of findings, with what the goals say to them."""
    width = max([50, *(len(finding.name) + 6 for finding in findings)])
    print(f"\n{title:<{width}}{'median':>10}{'quartiles':>20}{'of leasts':>11}{'goal':>8}")
    for f in findings:
        # Seconds are printed in thousandths.
        low, median, high, least = (
            f"{1000 * value:.1f}" if f.unit else f"{value:#.3g}"
            for value in (f.low, f.median, f.high, f.least)
        )
        goal = "" if f.goal is None else f"{f.goal * (1000 if f.unit else 1):>8g}  {f.verdict}"
        name = f"{f.name}, ms" if f.unit else f.name
        print(f"  {name:<{width - 2}}{median:>10}{f'{low} to {high}':>20}{least:>11}{goal}")
    sys.stdout.flush()


# ----------------------------------------------------------------------- measuring


def in_turn(tasks, rounds):
    """The times of each task, one a round, the tasks taking turns.

    `tasks` has for each name a function that measures once and returns seconds.
    """
    times = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            times[name].append(task())
    return times


# What other programs take of the processor is no time of the one that is measured.  On Windows
# this clock stands still for milliseconds.
CPU_TIME = time.perf_counter if os.name == "nt" else time.process_time


def clock_for(threads):
    """The clock for work on so many threads.

    For one it is the processor's time, which a busy machine hardly disturbs, and which counts
    twice what is secretly done by two.  Two threads are there to be done sooner: for them it
    is the time on the wall, which wants a quiet machine.
    """
    return CPU_TIME if threads == 1 else time.perf_counter


def least_of(step, repeats, calls=1, clock=CPU_TIME, warm=0.0):
    """The least time of one call of `step`, over some repeats of so many calls.

    The first call is not timed, nor are those in the first `warm` seconds: what they need may
    have left the caches, and memory and processor may have been slowed down to rest.  What
    comes between (interrupts, others in the caches) only ever adds, and so the least is what
    the step takes.
    """
    end = time.perf_counter() + warm
    step()
    while time.perf_counter() < end:
        step()
    found = []
    for _ in range(repeats):
        begun = clock()
        for _ in range(calls):
            step()
        found.append((clock() - begun) / calls)
    return min(found)


class Elsewhere:
    """Something to measure in a process of its own, when it is called.

    Two threads of torch go on turning for a while after their work, to be there at once for
    the next; in a process of its own they are waited for, and disturb nobody's measurement.

    Parameters
    ----------
    make : function
        Called in the new process with `arguments`; returns a function that measures once and
        returns seconds.  It must be at the top level of a module, to be found there.
    threads : int
        What the libraries that are loaded there are told to use.
    environment : dict, optional
        More variables for the new process.
    """

    def __init__(self, make, arguments=(), *, threads=1, environment=None):
        self.name = f"{make.__name__}{tuple(arguments)}"
        wanted = {**dict.fromkeys(THREADS, str(threads)), **(environment or {})}
        self._line, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_serve, args=(theirs, make, arguments), daemon=True)
        with _variables(wanted):  # read when the libraries are loaded, which is early
            self._process.start()
        theirs.close()  # so that its end is noticed here
        self._receive()

    def __call__(self):
        self._line.send(True)
        return self._receive()

    def _receive(self):
        try:
            answer, failure = self._line.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(
                f"{self.name}: its process ended with exit status {self._process.exitcode}"
            ) from None
        if failure:
            raise RuntimeError(f"{self.name}:\n{failure}")
        return answer

    def close(self):
        """End the process."""
        self._line.close()
        self._process.join(timeout=10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


@contextmanager
def processes(recipes):
    """Tasks for `in_turn`, each in a process of its own, which ends with the block.

    `recipes` has for each name the keyword arguments of `Elsewhere`.
    """
    with ExitStack() as stack:
        tasks = {}
        for name, recipe in recipes.items():
            tasks[name] = Elsewhere(**recipe)
            stack.callback(tasks[name].close)
        yield tasks


def _serve(line, make, arguments):
    """In the new process: measure when asked, until nobody asks any more."""
    try:
        measure = make(*arguments)
        _rest()
        line.send((None, None))
        while line.recv():
            found = measure()
            _rest()
            line.send((found, None))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        pass
    except BaseException:
        line.send((None, traceback.format_exc()))


def _rest(patience=2.0, look=0.005):
    """Wait until no thread of this process uses the processor any more."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        used = time.process_time()
        time.sleep(look)
        if time.process_time() - used < look / 10:
            return


@contextmanager
def _variables(wanted):
    """The environment with these variables, for a while."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


# ---------------------------------------------------------------------- the machine


def machine():
    """What a measurement depends on: processor, cores, caches and versions, as strings."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "caches": _caches(),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        **{name: _version(name) for name in LIBRARIES},
    }


def machine_line(found):
    """What `machine` found, as one line."""
    parts = [found["processor"], f"cores: {found['cores']}", found["caches"], found["system"]]
    parts += [f"{name} {found[name]}" for name in ("Python", *LIBRARIES)]
    return ", ".join(part for part in parts if part)


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    known = {key.strip(): value.strip() for key, _, value in (ln.partition(":") for ln in lines)}
    name = known.get("model name") or platform.processor() or platform.machine()
    # Some virtual machines hide the name; the numbers of the model tell them apart.
    if "cpu family" in known:
        name += f" (family {known['cpu family']}, model {known.get('model', '?')})"
    return name


def _caches(places="/sys/devices/system/cpu/cpu0/cache"):
    """The sizes of the caches, as Linux lists them; empty elsewhere."""
    found = []
    for place in sorted(Path(places).glob("index*")):
        try:
            level, kind, size = (
                (place / name).read_text(encoding="utf-8").strip()
                for name in ("level", "type", "size")
            )
        except OSError:
            continue
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return " ".join(found)


def load():
    """How many programs wanted the processor in the last minute; None where nobody counts."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


# --------------------------------------------------------------- the scripts' frame


def options(text, rounds, quick, argv=None):
    """What the command line asks for: `json`, `quick`, and `rounds` with their defaults."""
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--rounds", type=int, help=f"default: {rounds}; {quick} with --quick")
    add("--quick", action="store_true", help="fewer rounds and parts; the spread is wider")
    add("--json", metavar="FILE", help="write the findings there too")
    found = parser.parse_args(argv)
    found.rounds = (quick if found.quick else rounds) if found.rounds is None else found.rounds
    if found.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {found.rounds}")
    return found


def report(benchmark, findings, before, asked):
    """Print what it ran on and how busy that was, and write the file that was asked for."""
    after, ran_on = load(), machine()
    print(f"\n{machine_line(ran_on)}\nload before and after: {before} and {after}")
    if asked.json:
        content = {
            "benchmark": benchmark,
            "quick": asked.quick,
            "machine": ran_on,
            "load": [before, after],
            "findings": [asdict(finding) for finding in findings],
        }
        write_json(asked.json, content)


def write_json(path, content):
    """Write a file whole or not at all."""
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2, ensure_ascii=False)
            file.write("\n")
        os.chmod(name, 0o644)  # as a new file's; a temporary one is the owner's alone
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
