"""How fast a sweep of 40,000 settings is: fused, in the array form, and in JAX.

    python benchmarks/sweeps.py

Adam on Rosenbrock's function from the landscape's own start, 500 steps in float64, for every
pair of 200 learning rates and 200 values of beta2.

    fused   `sweep(..., engine="fused")`: compiled, some hundred settings at a time
    array   `sweep(..., engine="array")`: the pure rule on one array of all settings
    jax     jax.jit of a fori_loop over all settings side by side, on one thread; the
            coordinates come first, which was the fastest of the layouts tried

Each in a process of its own, measured in turn, by the processor's time.  Whether the numbers
are the same is looked at first, then what compiling takes.  Where JAX is not installed its
part is left out.  About a minute on one core.
"""

import os
import sys
import tempfile
import time
from importlib.util import find_spec

import numpy as np

from adam_course import Adam, rosenbrock, sweep
from benchmarks.timing import (
    Elsewhere,
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

STEPS = 500
RATES = np.logspace(-4, 0, 200)
BETAS = 1 - np.logspace(-4, -0.5, 200)
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
CLOSE = 1e-12  # relative; one rounding in JAX is another than in NumPy


def ours(engine, steps=STEPS):
    """The last losses by an engine of the package, array (rates, betas)."""
    return sweep(
        rosenbrock, Adam, steps=steps, engine=engine, learning_rate=RATES, beta2=BETAS
    ).loss


def jax_sweep():
    """The same in JAX: a compiled function without arguments, and the seconds to compile it."""
    os.environ["XLA_FLAGS"] = ONE_THREAD  # read when JAX is loaded
    import jax
    from jax import numpy as jnp

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    rule = Adam()
    beta1, epsilon = rule.beta1, rule.epsilon

    def run(rates, betas):
        rates, betas = rates[:, None], betas[None, :]

        def gradient(x):
            off_valley = x[1] - x[0] * x[0]
            return jnp.stack([-2 * (1 - x[0]) - 400 * x[0] * off_valley, 200 * off_valley])

        def step(k, now):
            x, m, v = now
            t, g = k + 1.0, gradient(x)
            m = beta1 * m + (1 - beta1) * g
            v = betas * v + (1 - betas) * (g * g)
            m_hat, v_hat = m / (1 - beta1**t), v / (1 - betas**t)
            return x - rates * m_hat / (jnp.sqrt(v_hat) + epsilon), m, v

        zero = jnp.zeros((2, rates.size, betas.size))
        start = zero + jnp.asarray(rosenbrock.start, float)[:, None, None]
        x, _, _ = jax.lax.fori_loop(0, STEPS, step, (start, zero, zero))
        return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] * x[0]) ** 2

    arguments = jnp.asarray(RATES), jnp.asarray(BETAS)
    begun = time.perf_counter()
    compiled = jax.jit(run).lower(*arguments).compile()
    spent = time.perf_counter() - begun
    return lambda: compiled(*arguments).block_until_ready(), spent


def measurement(engine):
    """A function that measures one engine once, for `timing.Elsewhere`."""
    step = jax_sweep()[0] if engine == "jax" else lambda: ours(engine)
    return lambda: least_of(step, 2)


def first_use(engine):
    """The seconds until a process that has loaded the package has its first sweep's numbers."""
    begun = time.perf_counter()
    if engine == "jax":
        jax_sweep()[0]()
    else:
        ours(engine)
    spent = time.perf_counter() - begun
    return lambda: spent


def check_numbers(with_jax):
    """Say whether the numbers are the same; exit where fused and array are not.

    JAX rounds otherwise.  Most runs go to where the start's rounding is forgotten or kept
    small; where a run is chaotic it grows, which one more array run from a start that is
    moved by one rounding shows.
    """
    fused, array = ours("fused"), ours("array")
    if not np.array_equal(fused, array, equal_nan=True):
        count = int((fused != array).sum())
        sys.exit(f"fused and array differ in {count} of {array.size} cells: they must not")
    print(f"fused and array: bitwise equal in all {array.size} cells")
    if not with_jax:
        return
    found = np.asarray(jax_sweep()[0]())
    moved = sweep(
        rosenbrock,
        Adam,
        start=np.nextafter(rosenbrock.start, np.inf),
        steps=STEPS,
        learning_rate=RATES,
        beta2=BETAS,
    ).loss
    apart, chaotic = far(found, array), far(moved, array)
    print(
        f"jax and array: within {CLOSE:g} in {array.size - int(apart.sum())} cells, not in "
        f"{int(apart.sum())}.\nA start moved by one rounding changes {int(chaotic.sum())} by more "
        f"than that; of the {int(apart.sum())} it is {int((apart & chaotic).sum())}."
    )


def far(one, other):
    """Where two arrays of losses differ by more than `CLOSE` times the smaller, or times 1."""
    with np.errstate(invalid="ignore"):
        scale = np.maximum(1, np.minimum(np.abs(one), np.abs(other)))
        return ~((np.abs(one - other) <= CLOSE * scale) | (one == other))


def compiling(with_jax):
    """Findings: the first sweep of a process, compiled anew, and from numba's cache on disk."""
    spent = {}
    with tempfile.TemporaryDirectory() as empty:
        for words in ("fused, compiled anew", "fused, compiled before"):
            spent[words] = _once("fused", {"NUMBA_CACHE_DIR": empty})
    if with_jax:
        spent["jax, loaded and compiled"] = _once("jax")
    return [seconds(f"first sweep: {words}", [time]) for words, time in spent.items()]


def _once(engine, environment=None):
    there = Elsewhere(first_use, (engine,), environment=environment)
    try:
        return there()
    finally:
        there.close()


def main(argv=None):
    """Print the tables, and write the findings where that is asked for."""
    asked = options(__doc__, rounds=15, quick=5, argv=argv)
    before = load()
    with_jax = find_spec("jax") is not None
    print(__doc__.splitlines()[0])
    if not with_jax:
        print("JAX is not installed, and left out: pip install -e .[benchmarks]")
    check_numbers(with_jax)
    engines = ("fused", "array", "jax") if with_jax else ("fused", "array")
    recipes = {name: {"make": measurement, "arguments": (name,)} for name in engines}
    with processes(recipes) as tasks:
        times = in_turn(tasks, asked.rounds)
    where = "sweep of 40,000"
    ratios = [ratio(f"{where}: fused / array", times["fused"], times["array"])]
    if with_jax:
        ratios.append(ratio(f"{where}: fused / jax", times["fused"], times["jax"], 0.6))
    print_findings(f"40,000 settings, {STEPS} steps: {asked.rounds} rounds", ratios)
    spent = [
        seconds(f"{where}: {name}", times[name], 0.1 if name == "fused" else None)
        for name in engines
    ]
    spent += compiling(with_jax)
    print_findings("", spent)
    report("sweeps", ratios + spent, before, asked)


if __name__ == "__main__":
    main()
