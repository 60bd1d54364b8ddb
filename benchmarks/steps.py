"""How fast one step of Adam is: against the limit of memory, and against torch.

    python benchmarks/steps.py
    python benchmarks/steps.py --quick

    large   10 million parameters, in float32 and float64, with one thread and with two: the
            fused step over a loop that only moves the same bytes, and over torch's fused step
            with as many threads; NumPy in blocks over torch's default
    ladder  the way there from the textbook's form, in nanoseconds and bytes a parameter
    small   1,000 parameters, and 200 arrays of 50: over torch's fused step

Every configuration lives in a process of its own and is measured when its turn comes; that
with two threads of torch calls torch.set_num_threads(2), all others run with one.  A round's
time is the least of a few steps in a row: of the processor's time with one thread, of the time
on the wall with two, which want a machine with nothing else to do.  About five minutes on two
cores, and 5 GB of memory.
"""

import numpy as np

from adam_course import Adam
from adam_course.fused import Fused
from adam_course.fused.blocks import BLOCKS
from adam_course.fused.coefficients import form_of
from adam_course.fused.memory import aligned
from benchmarks.timing import (
    clock_for,
    in_turn,
    least_of,
    load,
    options,
    print_findings,
    processes,
    ratio,
    report,
    seconds,
)

LARGE, MANY = 10_000_000, (200, 50)
PRECISIONS = ("float32", "float64")
ITEMS = 7  # a step reads x, g, m and v and writes x, m and v, at the least
REPEATS = 3  # steps in a row, of which the least counts, where a step takes milliseconds
# Seconds of steps before them.  Two threads that slept can share one core for the first fifty
# milliseconds, until the system moves one; and memory comes to its speed in as many.
WARM = 0.15
TIMES_OF_THE_LIMIT = 4  # in one call, so that two threads need not wait for each other
SMALL_REPEATS, SMALL_CALLS = 10, 100  # where it takes microseconds

# ---------------------------------------------------------------- what is compared
#
# Each function makes one configuration: a `step` to call, and the parameters that it moves.


def numbers(sizes, precision):
    """Parameters and gradients of these sizes, as lists of arrays: the same for everybody."""
    generator = np.random.default_rng(0)
    return [
        [generator.standard_normal(size, precision) * scale for size in sizes]
        for scale in map(np.dtype(precision).type, (1, 0.01))
    ]


def textbook(sizes, precision, threads):
    """The rule as the book writes it: every operation makes a new array."""
    (x,), (g,) = numbers(sizes, precision)
    rule, now = Adam(), {"x": x}
    now["state"] = rule.init(x)

    def step():
        now["x"], now["state"] = rule.step(now["x"], g, now["state"])

    return step, lambda: [now["x"]]


def in_place(sizes, precision, threads):
    """No new arrays, and the bias corrections folded into two numbers: twelve passes."""
    (x,), (g,) = numbers(sizes, precision)
    m, v, scratch = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    rule, t = Adam(), [0]
    coefficients = form_of(rule).coefficients

    def step():
        t[0] += 1
        BLOCKS["Adam"](x, g, m, v, *coefficients(rule, t[0], 1.0), scratch)

    return step, lambda: [x]


def blocks(sizes, precision, threads):
    """The same, block by block: what NumPy alone can do."""
    return _fused(sizes, precision, threads, "numpy")


def fused(sizes, precision, threads):
    """The fused loop; of several arrays through its own place for their gradients."""
    return _fused(sizes, precision, threads, "numba")


def fused_separate(sizes, precision, threads):
    """The fused loop, handed a list of gradients that lie anywhere."""
    return _fused(sizes, precision, threads, "numba", separate=True)


def _fused(sizes, precision, threads, engine, separate=False):
    xs, gs = numbers(sizes, precision)
    if len(sizes) == 1:
        fast = Fused(Adam(), xs[0], threads=threads, engine=engine)
        return lambda: fast.step(gs[0]), lambda: [fast.parameters]
    fast = Fused(Adam(), xs, threads=threads, engine=engine)
    for place, g in zip(fast.gradients, gs):
        place[...] = g
    return (lambda: fast.step(gs)) if separate else fast.step, lambda: fast.parameters


def torch_default(sizes, precision, threads):
    """torch.optim.Adam as it comes: on a processor, a loop over the tensors."""
    return _torch(sizes, precision, threads)


def torch_fused(sizes, precision, threads):
    """torch.optim.Adam(fused=True)."""
    return _torch(sizes, precision, threads, fused=True)


def _torch(sizes, precision, threads, **how):
    import torch

    torch.set_num_threads(threads)
    xs, gs = numbers(sizes, precision)
    parameters = [torch.tensor(x, requires_grad=True) for x in xs]
    for parameter, g in zip(parameters, gs):
        parameter.grad = torch.tensor(g)
    optimizer = torch.optim.Adam(parameters, **how)
    return optimizer.step, lambda: [p.detach().numpy() for p in parameters]


def limit(sizes, precision, threads):
    """Read x, g, m and v, write x, m and v, and next to nothing else.

    The arrays lie as well as they can.  Each thread goes through its part without waiting for
    the other, four times in one call: a step that waits cannot be faster.  This is no step of
    Adam, and x is not looked at.
    """
    from concurrent.futures import ThreadPoolExecutor

    from numba import njit

    @njit(nogil=True, error_model="numpy")
    def move(x, g, m, v, times):
        for _ in range(times):
            for i in range(x.size):
                x[i] += g[i]
                m[i] += g[i]
                v[i] += g[i]

    (x,), (g,) = numbers(sizes, precision)
    arrays = [aligned(x.size, x.dtype, rank) for rank in range(4)]
    for array, numbers_of in zip(arrays, (x, g, 0, 0)):
        array[...] = numbers_of
    parts = list(zip(*(np.array_split(array, threads) for array in arrays)))
    pool = ThreadPoolExecutor(threads)

    def step():
        if threads == 1:
            move(*arrays, TIMES_OF_THE_LIMIT)
        else:
            list(pool.map(lambda part: move(*part, TIMES_OF_THE_LIMIT), parts))

    return step, lambda: [arrays[0]]


def measurement(make, sizes, precision, threads):
    """A function that measures one configuration once, for `timing.Elsewhere`."""
    step, _ = make(sizes, precision, threads)
    clock = clock_for(threads)
    if sum(sizes) < LARGE:
        return lambda: least_of(step, SMALL_REPEATS, SMALL_CALLS, clock)
    parts = TIMES_OF_THE_LIMIT if make is limit else 1
    return lambda: least_of(step, REPEATS, clock=clock, warm=WARM) / parts


# ------------------------------------------------------------------------ bytes


class Counted(np.ndarray):
    """An array that counts how many numbers the operations on it read and write."""

    moved = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **more):
        plain = [np.asarray(value) for value in inputs]
        if out is not None:
            more["out"] = tuple(np.asarray(value) for value in out)
        result = getattr(ufunc, method)(*plain, **more)
        read = {id(value): np.size(value) for value in inputs if np.ndim(value)}  # g * g: once
        Counted.moved += sum(read.values()) + result.size
        return (out[0] if out else np.asarray(result)).view(Counted)


def items(form):
    """How many numbers a parameter a form of the step reads and writes, in whole arrays."""
    x, g, m, v, scratch = (np.ones(64).view(Counted) for _ in range(5))
    rule, before = Adam(), Counted.moved
    if form is textbook:
        rule.update(x, g, rule.State(0, m, v))
    elif form is in_place:
        BLOCKS["Adam"](x, g, m, v, *form_of(rule).coefficients(rule, 1, 1.0), scratch)
    else:
        return ITEMS
    return (Counted.moved - before) / x.size


# -------------------------------------------------------------------------- tables


def recipes(configurations, sizes, precision):
    """For `processes`: (maker, threads) by name, at one size."""
    return {
        name: {
            "make": measurement,
            "arguments": (make, sizes, precision, threads),
            "threads": threads,
        }
        for name, (make, threads) in configurations.items()
    }


LADDER = {
    "NumPy, textbook": (textbook, 1),
    "NumPy, in place": (in_place, 1),
    "NumPy, in blocks": (blocks, 1),
    "fused": (fused, 1),
    "fused, two threads": (fused, 2),
    "limit": (limit, 1),
    "limit, two threads": (limit, 2),
}
AGAINST = {
    "torch": (torch_default, 1),
    "torch fused": (torch_fused, 1),
    "torch fused, two threads": (torch_fused, 2),
}
QUICK = ("NumPy, in blocks", "fused", "limit", "torch", "torch fused")


def large(precision, asked):
    """10 million parameters: the findings of one precision."""
    configurations = {**LADDER, **AGAINST}
    if asked.quick:
        configurations = {name: configurations[name] for name in QUICK}
    with processes(recipes(configurations, (LARGE,), precision)) as tasks:
        times = in_turn(tasks, asked.rounds)
    where, findings = f"10 million, {precision}", []
    for suffix in ("", ", two threads"):
        if f"fused{suffix}" in times:
            own = times[f"fused{suffix}"]
            findings += [
                ratio(f"{where}{suffix}: fused / limit", own, times[f"limit{suffix}"], 1.1),
                ratio(
                    f"{where}{suffix}: fused / torch fused",
                    own,
                    times[f"torch fused{suffix}"],
                    0.95,
                ),
            ]
    findings += [
        ratio(f"{where}: NumPy in blocks / torch", times["NumPy, in blocks"], times["torch"], 0.6)
    ]
    print_findings(f"10 million parameters, {precision}", findings)
    if not asked.quick:
        print_ladder(precision, times)
    return findings


def print_ladder(precision, times):
    """From the textbook's form to the limit, with what each moves.

    The bytes are those of the operations on whole arrays; those of a block come from the
    cache, after the first.  GB/s is what a step must move at the least, over its time: that
    of the limit is the memory's speed.
    """
    size = np.dtype(precision).itemsize
    print(
        f"\n{precision:<26}{'median ms':>10}{'least ms':>10}{'ns':>7}{'bytes':>7}{'GB/s':>7}"
        f"{'x limit':>9}{'quartiles':>16}"
    )
    for name, (make, _) in {**LADDER, **AGAINST}.items():
        time, least = seconds(name, times[name]), min(times[name])
        slower = ratio(name, times[name], times["limit"])
        moved = f"{size * items(make):.0f}" if name in LADDER else "?"
        print(
            f"{name:<26}{1e3 * time.median:>10.2f}{1e3 * least:>10.2f}{1e9 * least / LARGE:>7.2f}"
            f"{moved:>7}{1e-9 * ITEMS * size * LARGE / least:>7.1f}{slower.median:>9.2f}"
            f"{f'{slower.low:.2f} to {slower.high:.2f}':>16}"
        )
    print("(ns, bytes and GB/s are a parameter's and of the least time)", flush=True)


def small(precision, asked):
    """1,000 parameters and 200 arrays of 50: the findings of one precision."""
    findings = []
    for words, sizes, separate in (
        ("1,000", (1000,), False),
        ("200 x 50", (MANY[1],) * MANY[0], True),
    ):
        configurations = {"fused": (fused, 1), "torch fused": (torch_fused, 1)}
        if separate:
            configurations["separate"] = (fused_separate, 1)
        with processes(recipes(configurations, sizes, precision)) as tasks:
            times = in_turn(tasks, asked.rounds)
        base, where = times["torch fused"], f"{words}, {precision}"
        findings.append(ratio(f"{where}: fused / torch fused", times["fused"], base, 0.15))
        if separate:
            name = f"{where}, gradients apart: fused / torch fused"
            findings.append(ratio(name, times["separate"], base, 0.15))
        print_findings(f"{words} parameters, {precision}", findings[-1 - separate :])
        spent = ", ".join(f"{name} {1e6 * min(t):.1f}" for name, t in times.items())
        print(f"  (least times in microseconds: {spent})", flush=True)
    return findings


def main(argv=None):
    """Print the tables, and write the findings where that is asked for."""
    asked = options(__doc__, rounds=30, quick=8, argv=argv)
    before, findings = load(), []
    print(__doc__.splitlines()[0])
    print(f"{asked.rounds} rounds; ratios of times, the median and quartiles of the rounds'.")
    for precision in PRECISIONS[:1] if asked.quick else PRECISIONS:
        findings += large(precision, asked)
        findings += small(precision, asked)
    report("steps", findings, before, asked)


if __name__ == "__main__":
    main()
