"""How well each rule trains the slide's network on digits, tuned alike: chapter 11's tables.

    python benchmarks/cnn.py
    python benchmarks/cnn.py --data mnist --images 5000 --held-back 1000

Every rule trains the network at every learning rate of a logarithmic grid, from the same
weights and through the same batches; a seed stands for the weights and for the order of the
images.  The rate is chosen on some seeds, by the accuracy on images that are held back from
training; what is reported is the accuracy on the test images with other seeds.

    rates  the accuracy at each rate of the grid, and at how many of them it is good enough
    race   each rule with its chosen rate
    grids  the same race on every second rate: two coarser grids, which differ by where they
           begin, and what each of them would have reported

The optimizers are torch's own with the course's settings.  They take the same steps as the
course's (tests/test_torch_optim.py) in less time.  About fifteen minutes on one core.
"""

import argparse
import platform
from functools import partial

import numpy as np
import torch

from adam_course import datasets
from adam_course.pytorch import CNN, evaluate, train

RULES = {
    "GradientDescent": torch.optim.SGD,
    "Momentum": partial(torch.optim.SGD, momentum=0.9),
    "Nesterov": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
    "AdaGrad": torch.optim.Adagrad,
    "RMSProp": torch.optim.RMSprop,
    "Adam": torch.optim.Adam,
}
BATCH = 25
PER_DECADE = 4


class Experiment:
    """Runs of the network, each done once: its accuracies after each number of epochs."""

    def __init__(self, images, options, bar):
        # The same split for everybody.  It leaves no smaller batch at the end of an epoch:
        # one of two images would throw a rule with large steps far off.
        order = np.random.default_rng(0).permutation(len(images.train_labels))
        training, held_back = np.split(order[: options.images + options.held_back],
                                       [options.images])  # fmt: skip
        self.training, self.held_back = (
            (images.train_images[part], images.train_labels[part]) for part in (training, held_back)
        )
        self.test = images.test_images, images.test_labels
        self.epochs, self.bar, self.known = options.epochs, bar, {}

    def accuracies(self, rule, rate, seed):
        """An array (numbers of epochs, 2): on the images held back, and on the test images."""
        if (rule, rate, seed) not in self.known:
            self.known[rule, rate, seed] = self._run(rule, rate, seed)
            self.bar.update()
        return self.known[rule, rate, seed]

    def _run(self, rule, rate, seed):
        model = CNN(seed=seed)
        optimizer = RULES[rule](model.parameters(), lr=rate)
        found, done = [], 0
        for stage, epochs in enumerate(self.epochs):
            train(
                model,
                optimizer,
                self.training,
                epochs - done,
                batch_size=BATCH,
                seed=seed + 1000 * stage,
                evaluate=False,
            )
            # A run that diverged stopped, and is judged by what it had reached.
            found.append([evaluate(model, part).accuracy for part in (self.held_back, self.test)])
            done = epochs
        return np.array(found)

    def mean(self, rule, rates, seeds):
        """For each rate, the mean over the seeds: an array (rates, numbers of epochs, 2)."""
        return np.array(
            [np.mean([self.accuracies(rule, r, s) for s in seeds], axis=0) for r in rates]
        )


def grid(low, high):
    """Rates, four a decade, from 10^low to 10^high."""
    steps = np.arange(round(low * PER_DECADE), round(high * PER_DECADE) + 1)
    return [float(10 ** (k / PER_DECADE)) for k in steps]


def print_rates(experiment, rates, stage, options):
    """The accuracy of every rule at every rate."""
    tuned = {rule: experiment.mean(rule, rates, options.tuning)[:, stage, 0] for rule in RULES}
    print(f"\nAfter {options.epochs[stage]} epochs: accuracy in %, on the images held back")
    print(f"{'rate':>9}" + "".join(f"{rule:>17}" for rule in RULES))
    for k, rate in enumerate(rates):
        print(f"{rate:>9.2g}" + "".join(f"{100 * part[k]:>17.0f}" for part in tuned.values()))
    counts = [int((part >= options.enough).sum()) for part in tuned.values()]
    print(f"{f'>= {options.enough:.0%}':>9}" + "".join(f"{count:>17}" for count in counts))


def print_race(experiment, title, rates, stage, options):
    """What this grid chooses for each rule, and what that is worth on the test images."""
    chosen, found = {}, {}
    for rule in RULES:
        tuned = experiment.mean(rule, rates, options.tuning)[:, stage, 0]
        chosen[rule] = rates[int(tuned.argmax())]
        runs = [experiment.accuracies(rule, chosen[rule], seed) for seed in options.seeds]
        found[rule] = np.array(runs)[:, stage, 1]
    print(f"\nAfter {options.epochs[stage]} epochs, {title}: test accuracy in %")
    print(f"{'rule':<17}{'rate':>9}{'mean':>8}{'s.e.':>6}{'less Adam':>12}{'s.e.':>6}")
    for rule, values in found.items():
        edge = ", at the edge" if chosen[rule] in (rates[0], rates[-1]) else ""
        mean, error = summary(values)
        line = f"{rule:<17}{chosen[rule]:>9.2g}{mean:>8.1f}{error:>6.1f}"
        if rule != "Adam":
            mean, error = summary(values - found["Adam"])  # the seeds in pairs
            line += f"{mean:>+12.1f}{error:>6.1f}"
        print(line + edge)


def summary(values):
    """Mean and standard error, in per cent."""
    return 100 * values.mean(), 100 * values.std(ddof=1) / len(values) ** 0.5


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", choices=("digits", "mnist"), default="digits", help="default: digits")
    add("--images", type=int, default=1100, help="images to train on; default 1100")
    add("--held-back", type=int, default=337, help="images that choose the rate; default 337")
    add("--epochs", nargs="+", type=int, default=(2, 6), help="in ascending order; default 2 6")
    add("--low", type=float, default=-5, help="the least rate is 10^LOW; default -5")
    add("--high", type=float, default=0, help="the largest rate is 10^HIGH; default 0")
    add("--tuning", nargs="+", type=int, default=(0, 1, 2), help="seeds; default 0 1 2")
    add("--seeds", nargs="+", type=int, default=tuple(range(10, 16)), help="default 10 ... 15")
    add("--enough", type=float, default=0.75, help="a good enough accuracy; default 0.75")
    add("--no-progress", dest="progress", action="store_false", help="show no bar")
    options = parser.parse_args()
    torch.set_num_threads(1)

    from tqdm.auto import tqdm

    images = getattr(datasets, options.data)()
    rates = grid(options.low, options.high)
    total = len(RULES) * len(rates) * len(options.tuning)
    bar = tqdm(total=total, unit="run", leave=False, disable=not options.progress)
    experiment = Experiment(images, options, bar)
    print(
        f"{images.name}: {options.images} images to train on, batches of {BATCH}, "
        f"{options.held_back} held back, {len(images.test_labels)} to test on.\n"
        f"Rates from {rates[0]:.0e} to {rates[-1]:.0e}, four a decade.  Chosen by the mean of "
        f"seeds\n{_listed(options.tuning)}; reported on seeds {_listed(options.seeds)}."
    )
    for stage in range(len(options.epochs)):
        print_rates(experiment, rates, stage, options)
    for stage in range(len(options.epochs)):
        for title, part in (
            ("four rates a decade", rates),
            ("two a decade", rates[::2]),
            ("two a decade, begun one rate later", rates[1::2]),
        ):
            print_race(experiment, title, part, stage, options)
    bar.close()
    print(
        f"\nPython {platform.python_version()}, PyTorch {torch.__version__}, "
        f"{platform.system()} {platform.machine()}, float32, one thread"
    )


def _listed(numbers):
    return ", ".join(map(str, numbers))


if __name__ == "__main__":
    main()
