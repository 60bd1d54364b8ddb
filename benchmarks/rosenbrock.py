"""How many gradients each rule needs on Rosenbrock's function, tuned alike: chapter 7's tables.

    python benchmarks/rosenbrock.py
    python benchmarks/rosenbrock.py --tables rates clipping --targets 1e-3

Every rule is tuned on the same starts and reported on others; a step costs one gradient, and
what counts is the number of steps until the function is first below a target.

    rates     the learning rate alone is tuned, on a logarithmic grid; the rest is the default
    clipping  the same, with every gradient that is longer than 100 (10, 1) shortened to that
    finer     the same as rates, on a grid four times as fine
    search    rate and memories (momentum, beta1, beta2) are tuned together, by a random search
              in which each rule uses what it has; without clipping, and clipped at 100

All of it takes about five minutes on one core.
"""

import argparse
import platform
import random
import time

import numpy as np

from adam_course import (
    AdaGrad,
    Adam,
    GradientDescent,
    Momentum,
    Nesterov,
    RMSProp,
    race,
    rosenbrock,
    steps_below,
)

RULES = (GradientDescent, Momentum, Nesterov, AdaGrad, RMSProp, Adam)
TABLES = ("rates", "clipping", "finer", "search")
PER_DECADE = 4
CLIPS = (100, 10, 1)
# The logarithms of what is searched: of the learning rate, and of 1 − beta.
RATES, ONE_MINUS_BETA1, ONE_MINUS_BETA2 = (-6, 1), (-2.5, -0.1), (-4, -0.5)


def starts(seed, count):
    """So many points, uniform in the box [-2, 2]², as the slide draws them."""
    generator = random.Random(seed)
    return np.array([[generator.uniform(-2, 2) for _ in range(2)] for _ in range(count)])


def clipped(limit):
    """The gradient of Rosenbrock's function, shortened to this length where it is longer."""

    def gradient(x):
        g = rosenbrock.gradient(x)
        return g / np.maximum(1, np.linalg.norm(g, axis=-1, keepdims=True) / limit)

    return gradient


def on_grid(per_decade):
    """Every rule with its default settings, on a grid of learning rates."""
    exponents = np.arange(RATES[0] * per_decade, RATES[1] * per_decade + 1) / per_decade
    rates = 10.0 ** exponents[:, None, None]
    return [rule(learning_rate=rates) for rule in RULES]


def at_random(count, seed):
    """Every rule with its rate and memories drawn at random: the same draws for all of them."""
    generator = np.random.default_rng(seed)
    powers = {
        name: 10.0 ** generator.uniform(*range_, size=(count, 1, 1))
        for name, range_ in (
            ("learning_rate", RATES),
            ("beta1", ONE_MINUS_BETA1),
            ("beta2", ONE_MINUS_BETA2),
        )
    }
    settings = {
        "learning_rate": powers["learning_rate"],
        "momentum": 1 - powers["beta1"],
        "beta1": 1 - powers["beta1"],
        "beta2": 1 - powers["beta2"],
    }
    return [
        rule(**{name: settings[name] for name in settings if name in rule().hyperparameters})
        for rule in RULES
    ]


def compete(title, contenders, target, options, gradient=None):
    """Run one race and print its table."""
    begun = time.perf_counter()
    safe = []

    def steps(optimizer, cases):
        return steps_below(rosenbrock, optimizer, target, cases, options.cap, gradient=gradient)

    def score(counts):
        safe.append(int(np.isfinite(counts).all(axis=-1).sum()))
        return np.log10(np.minimum(counts, 2 * options.cap)).mean(axis=-1)

    result = race(
        steps,
        contenders,
        starts(7, 20),
        starts(8, 50),
        choose_by=score,
        progress=options.progress,
    )
    candidates = contenders[0].batch_shape[0]
    print(f"\n{title}: steps to f < {target:g}, {candidates} settings each")
    print(
        f"{'rule':<16}{'median':>8}{'10 %':>8}{'90 %':>8}{'solved':>8}{'safe':>6}  chosen settings"
    )
    for (name, optimizer), count in zip(result.chosen.items(), safe):
        numbers = "".join(
            f"{steps:>8.0f}" if np.isfinite(steps) else f"{'–':>8}"
            for steps in (
                result.median(name),
                result.quantile(name, 0.1),
                result.quantile(name, 0.9),
            )
        )
        edge = ", at the edge" if name in result.at_edge else ""
        print(
            f"{name:<16}{numbers}{result.finished(name):>8}{count:>6}  {_settings(optimizer)}{edge}"
        )
    print(f"({time.perf_counter() - begun:.0f} s)", flush=True)


def _settings(optimizer):
    return ", ".join(
        f"{name} {value:.4g}"
        for name, value in optimizer.hyperparameters.items()
        if name in ("learning_rate", "momentum", "beta1", "beta2")
    )


def main():
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--tables", nargs="+", choices=TABLES, default=TABLES, help="default: all of them")
    add("--targets", nargs="+", type=float, default=(1e-3, 1e-6), help="default: 1e-3 1e-6")
    add("--cap", type=int, default=20_000, help="steps after which a run is given up")
    add("--configurations", type=int, default=200, help="random settings a rule; default 200")
    add("--seeds", nargs="+", type=int, default=(0, 1, 2), help="of the search; default 0 1 2")
    add("--no-progress", dest="progress", action="store_false", help="show no bars")
    options = parser.parse_args()

    print(
        "Rosenbrock's function; 20 tuning starts from random.Random(7) and 50 others from\n"
        f"random.Random(8), uniform in [-2, 2]²; at most {options.cap} steps.  Chosen by the\n"
        "mean log10 of the steps on the tuning starts, where a run that does not arrive counts\n"
        "as twice the cap.  median, 10 %, 90 % and solved: on the others.  safe: how many of the\n"
        "settings tried solve all tuning starts.  Grids go from 1e-6 to 10, with four rates a\n"
        "decade where nothing else is said."
    )
    for target in options.targets:
        if "rates" in options.tables:
            compete("Learning rate tuned", on_grid(PER_DECADE), target, options)
        for limit in CLIPS if "clipping" in options.tables else ():
            compete(
                f"Learning rate tuned, gradients clipped at {limit}",
                on_grid(PER_DECADE),
                target,
                options,
                clipped(limit),
            )
        if "finer" in options.tables:
            title = f"Learning rate tuned, {4 * PER_DECADE} a decade"
            compete(title, on_grid(4 * PER_DECADE), target, options)
        for seed in options.seeds if "search" in options.tables else ():
            drawn = at_random(options.configurations, seed)
            title = f"Rate and memories tuned at random, seed {seed}"
            compete(title, drawn, target, options)
            title += f", gradients clipped at {CLIPS[0]}"
            compete(title, drawn, target, options, clipped(CLIPS[0]))
    print(
        f"\nPython {platform.python_version()}, NumPy {np.__version__}, "
        f"{platform.system()} {platform.machine()}, float64"
    )


if __name__ == "__main__":
    main()
