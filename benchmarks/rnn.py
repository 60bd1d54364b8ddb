"""Which rules learn to judge the reviews, tuned alike: chapter 12's race.

    python benchmarks/rnn.py
    python benchmarks/rnn.py --tables rates blocks --epochs 4

The network is the RNN of `adam_course.pytorch` on `adam_course.datasets.reviews`.  Every rule
starts from the same weights and sees the same batches; its setting is chosen by the loss on a
validation part, on some seeds, and its test accuracy is reported on others.

    rates      the learning rate alone is tuned, on a logarithmic grid; the rest is the default;
               a gradient longer than 1 is shortened to 1
    unclipped  the same, with the gradients as they are
    blocks     gradient descent and momentum get two rates, one for the embedding, which is a
               power of ten times the one for all else; clipped at 1, and not
    mixed      Adam for the embedding alone, or for all but the embedding, and gradient descent
               for the rest; clipped at 1
    longer     gradient descent and momentum with one rate, for five times as many epochs

Runs with the same seed are trained side by side, as slices of larger tensors.  All of it
takes about a quarter of an hour on one core.
"""

import argparse
import platform
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from adam_course import (
    AdaGrad,
    Adam,
    GradientDescent,
    Momentum,
    Nesterov,
    Optimizer,
    RMSProp,
)
from adam_course.datasets import reviews
from adam_course.pytorch import RNN

RULES = (GradientDescent, Momentum, Nesterov, AdaGrad, RMSProp, Adam)
TABLES = ("rates", "unclipped", "blocks", "mixed", "longer")
SIZES = {"embedding_dim": 32, "hidden_dim": 64}
TRAIN, VALIDATION, TEST, BATCH = 8000, 1000, 1000, 50
TUNING, HELD_OUT = (0, 1), (10, 11, 12, 13)
GRID = 10.0 ** (np.arange(-16, 5) / 4)  # 1e-4 to 10, four a decade
FACTORS = (10, 100, 1000, 10_000)  # of the embedding's rate over the other
TOGETHER = 24  # runs side by side; more do not fit the processor's cache


@dataclass(frozen=True)
class Setting:
    """A rule for the embedding, one for all other parameters, and a length to clip at."""

    embedding: Optimizer
    others: Optimizer
    clip_norm: float | None

    def __str__(self):
        rates = self.others.learning_rate, self.embedding.learning_rate
        text = f"rate {rates[0]:.3g}"
        return text if rates[0] == rates[1] else f"{text}, embedding {rates[1]:.3g}"


def one_rate(rule, rate, clip_norm):
    """A rule with the same learning rate for everything."""
    return Setting(rule(rate), rule(rate), clip_norm)


# ------------------------------------------------------------------------- the data


def load():
    """The reviews, as (tokens, lengths, labels) to train on, to choose by, and to test on."""
    texts = reviews(train=TRAIN, test=TEST)
    # A larger training set begins with the smaller: what it has more is the validation part.
    more = reviews(train=TRAIN + VALIDATION, test=TEST)
    rest = texts.encode([more.decode(row) for row in more.train_tokens[TRAIN:]])
    parts = {
        "train": (texts.train_tokens, texts.train_lengths, texts.train_labels),
        "validation": (*rest, more.train_labels[TRAIN:]),
        "test": (texts.test_tokens, texts.test_lengths, texts.test_labels),
    }
    parts = {name: tuple(map(torch.from_numpy, part)) for name, part in parts.items()}
    return parts, len(texts.vocabulary)


# ----------------------------------------------------------------- networks side by side


class Networks:
    """R copies of one RNN, whose weights then go their own ways.

    A parameter of shape (...) is stored for all of them as (R, ...), and the embedding as
    (words, R, embedding_dim), so that a word is looked up once for all.
    """

    def __init__(self, model, count):
        kept = {
            name: value.detach()[None].repeat(count, *[1] * value.ndim)
            for name, value in model.named_parameters()
        }
        kept["embedding.weight"] = kept["embedding.weight"].transpose(0, 1).contiguous()
        self.count = count
        self.weights = {name: value.requires_grad_() for name, value in kept.items()}

    def logits(self, tokens, lengths):
        """(R, n) for n texts that are sorted by length, the longest first."""
        embedding, w_e, w_h, b_e, b_h, w, b = self.weights.values()
        steps = torch.arange(int(lengths[0]))
        present = lengths > steps[:, None]  # (length, n)
        counts = present.sum(dim=1).tolist()
        # As in a packed sequence: all first words, then all second words, and so on.
        words = tokens.T[: len(steps)][present]
        inputs = functional.embedding(words, embedding.flatten(1))
        inputs = inputs.view(len(words), self.count, -1).transpose(0, 1)
        inputs = torch.baddbmm((b_e + b_h)[:, None], inputs, w_e.transpose(1, 2))
        finished, h, w_h = [], None, w_h.transpose(1, 2)
        for x in inputs.split(counts, dim=1):
            if h is None:
                h = torch.tanh(x)
                continue
            n = x.shape[1]
            if n < h.shape[1]:
                h, done = h.split([n, h.shape[1] - n], dim=1)
                finished.append(done)
            # h_t = tanh(W_e e_t + b + W_h h_{t-1})
            h = torch.tanh(torch.baddbmm(x, h, w_h))
        last = torch.cat([h, *reversed(finished)], dim=1)
        return (torch.bmm(last, w.transpose(1, 2)) + b[:, None]).squeeze(-1)

    def losses(self, part):
        """The logits and losses (R, n) of some texts, and their labels, sorted by length."""
        tokens, lengths, labels = part
        lengths, order = lengths.sort(descending=True, stable=True)
        labels = labels[order].float()
        logits = self.logits(tokens[order], lengths)
        return (
            logits,
            labels,
            functional.binary_cross_entropy_with_logits(
                logits, labels.expand_as(logits), reduction="none"
            ),
        )

    def evaluate(self, part):
        """The loss and the accuracy of each network: array (R, 2)."""
        found = []
        with torch.no_grad():
            for chosen in torch.arange(len(part[2])).split(250):
                logits, labels, losses = self.losses([p[chosen] for p in part])
                found.append(torch.stack([losses, ((logits > 0) == labels).float()]))
        return torch.cat(found, dim=2).mean(dim=2).T.numpy()

    def slices(self, values, k):
        """The parts of network k in tensors that are shaped like the weights: NumPy views."""
        for name, value in zip(self.weights, values):
            array = value.detach().numpy()
            yield name, array[:, k] if name == "embedding.weight" else array[k]


def train_together(settings, seed, parts, words, epochs):
    """One run for each setting, from the same weights, on the same batches.

    Returns (validation, test), arrays (settings, epochs, 2) of losses and accuracies.
    """
    networks = Networks(RNN(words, **SIZES, seed=seed), len(settings))
    names = list(networks.weights)
    rules = [
        {name: s.embedding if name == "embedding.weight" else s.others for name in names}
        for s in settings
    ]
    states = [
        {name: rules[k][name].start(x) for name, x in networks.slices(networks.weights.values(), k)}
        for k in range(len(settings))
    ]
    generator = torch.Generator().manual_seed(seed)  # the order that `train` has
    record = {"validation": [], "test": []}
    for _ in range(epochs):
        for chosen in torch.randperm(TRAIN, generator=generator).split(BATCH):
            *_, losses = networks.losses([part[chosen] for part in parts["train"]])
            gradients = torch.autograd.grad(
                losses.mean(dim=1).sum(), list(networks.weights.values())
            )
            for k, setting in enumerate(settings):
                mine = dict(networks.slices(gradients, k))
                if setting.clip_norm is not None:
                    norm = np.sqrt(sum(np.vdot(g, g) for g in map(np.ravel, mine.values())))
                    if norm > setting.clip_norm:
                        mine = {
                            n: g * np.float32(setting.clip_norm / norm) for n, g in mine.items()
                        }
                for name, x in networks.slices(networks.weights.values(), k):
                    x[...], states[k][name] = rules[k][name].update(x, mine[name], states[k][name])
        for name, rows in record.items():
            rows.append(networks.evaluate(parts[name]))
    return tuple(np.stack(rows, axis=1) for rows in record.values())


def check(parts, words):
    """That the networks side by side are the package's RNN."""
    model = RNN(words, **SIZES, seed=0)
    tokens, lengths, _ = parts["test"]
    lengths, order = lengths[:BATCH].sort(descending=True, stable=True)
    with torch.no_grad():
        logits = Networks(model, 2).logits(tokens[order], lengths)
        torch.testing.assert_close(logits, model(tokens[order], lengths).expand(2, -1))


# ------------------------------------------------------------------------- the tables


def run(settings, seeds, parts, words, epochs):
    """Arrays (settings, seeds, epochs, 2) of losses and accuracies, validation and test."""
    found = []
    for seed in seeds:
        groups = [settings[k : k + TOGETHER] for k in range(0, len(settings), TOGETHER)]
        done = [train_together(group, seed, parts, words, epochs) for group in groups]
        found.append([np.concatenate(part) for part in zip(*done)])
    return tuple(np.stack(part, axis=1) for part in zip(*found))


def compete(title, contenders, parts, words, options):
    """Tune every contender on the tuning seeds, and print what it does on the others."""
    begun = time.perf_counter()
    chosen = {}
    for name, settings in contenders.items():
        validation, test = run(settings, TUNING, parts, words, options.epochs)
        loss = np.nan_to_num(validation[:, :, -1, 0], nan=np.inf).mean(axis=1)
        best = int(loss.argmin())
        at_edge = len(settings) == len(GRID) and best in (0, len(settings) - 1)
        chosen[name] = settings[best], test[:, :, -1, 1].mean(axis=1), at_edge
    _, test = run([s for s, *_ in chosen.values()], HELD_OUT, parts, words, options.epochs)

    print(f"\n{title}")
    print(
        f"{'':<28}{'median':>8}{'least':>8}{'most':>8}{'loss':>8}{'tuning':>8}{'safe':>8}  chosen"
    )
    for (name, (setting, accuracy, at_edge)), costs in zip(chosen.items(), test[:, :, -1]):
        loss, share = costs.T
        numbers = (np.median(share), share.min(), share.max(), np.median(loss), accuracy.max())
        print(
            f"{name:<28}{row_of(numbers, 8)}{(accuracy > 0.8).sum():>5}/{len(accuracy):<2}"
            f"  {setting}{', at the edge' if at_edge else ''}"
        )
    if options.details:
        print("median test accuracy after each epoch")
        for name, accuracy in zip(chosen, np.median(test[..., 1], axis=1)):
            print(f"{name:<28}{row_of(accuracy)}")
        print("test accuracy of every setting on the tuning seeds")
        for name, (_, accuracy, _) in chosen.items():
            for k in range(0, len(accuracy), 11):
                print(f"{name if k == 0 else '':<28}{row_of(accuracy[k : k + 11])}")
    print(f"({time.perf_counter() - begun:.0f} s)", flush=True)


def row_of(numbers, width=6):
    """Numbers with three digits, in columns."""
    return "".join(f"{number:{width}.3f}" for number in numbers)


def contenders_of(table):
    """The contenders of each table, a list of settings for each of them."""
    if table in ("rates", "unclipped"):
        clip = 1.0 if table == "rates" else None
        rules = RULES if table == "rates" else (GradientDescent, Momentum, Adam)
        return {rule.__name__: [one_rate(rule, float(r), clip) for r in GRID] for rule in rules}
    rates = 10.0 ** (np.arange(-8, 1) / 4)  # 0.01 to 1
    if table == "blocks":
        return {
            f"{rule.__name__}, {'clipped' if clip else 'unclipped'}": [
                Setting(rule(float(rate * factor)), rule(float(rate)), clip)
                for factor in FACTORS
                for rate in rates
            ]
            for rule, clip in ((GradientDescent, 1.0), (Momentum, 1.0), (GradientDescent, None))
        }
    adam = Adam(10**-2.5)
    return {
        "Adam for the embedding": [Setting(adam, GradientDescent(float(r)), 1.0) for r in rates],
        "Adam for all but it": [Setting(GradientDescent(float(100 * r)), adam, 1.0) for r in rates],
        "Adam, embedding frozen": [
            Setting(GradientDescent(0.0), Adam(10**power), 1.0) for power in (-2.75, -2.5, -2.25)
        ],
    }


def longer(parts, words, options):
    """Print how far one rate for all gets in many epochs."""
    begun = time.perf_counter()
    epochs = 5 * options.epochs
    settings = {
        f"{rule.__name__}, {rate:.3g}, {'clipped' if clip else 'unclipped'}": one_rate(
            rule, rate, clip
        )
        for rule, rates in (
            (GradientDescent, (0.316, 1.0)),
            (Momentum, (0.0316, 0.1)),
        )
        for rate in rates
        for clip in (1.0, None)
    }
    _, test = run(list(settings.values()), TUNING, parts, words, epochs)
    print(f"\nOne rate for all, {epochs} epochs: test accuracy, mean of the tuning seeds")
    marks = range(options.epochs - 1, epochs, options.epochs)
    print(f"{'after epoch':<36}{''.join(f'{mark + 1:>7}' for mark in marks)}{'best':>7}")
    for name, accuracy in zip(settings, test[..., 1].mean(axis=1)):
        print(f"{name:<36}{row_of([*accuracy[marks], accuracy.max()], 7)}")
    print(f"({time.perf_counter() - begun:.0f} s)", flush=True)


TITLES = {
    "rates": "One rate for all parameters, gradients clipped at 1",
    "unclipped": "One rate for all parameters, gradients as they are",
    "blocks": "Two rates: the embedding's is 10, 100, 1000 or 10000 times the other",
    "mixed": "Adam for a part, gradient descent for the rest, clipped at 1",
}


def main():
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--tables", nargs="+", choices=TABLES, default=TABLES, help="default: all of them")
    add("--epochs", type=int, default=6, help="how many each run has; default 6")
    add("--details", action="store_true", help="also every epoch and every setting")
    add("--threads", type=int, default=1, help="of torch; default 1")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)  # gradients of long texts become that small, and slow
    np.seterr(all="ignore")  # a rate that is too large ends in infinities

    parts, words = load()
    check(parts, words)
    print(
        f"{TRAIN} generated reviews to train on, {VALIDATION} to choose by, {TEST} to test on;\n"
        f"RNN({words}, {SIZES['embedding_dim']}, {SIZES['hidden_dim']}), batches of {BATCH}, "
        f"{options.epochs} epochs.  Chosen by the mean validation loss on\n"
        f"seeds {', '.join(map(str, TUNING))}; median, least and most test accuracy and median "
        f"test loss on seeds {', '.join(map(str, HELD_OUT))}.\n"
        "tuning: the best test accuracy that any setting has on the tuning seeds.  safe: how\n"
        "many of the settings are above 0.8 there.  One rate: "
        f"{GRID[0]:.0e} to {GRID[-1]:.0f}, four a decade."
    )
    for table in options.tables:
        if table == "longer":
            longer(parts, words, options)
        else:
            compete(TITLES[table], contenders_of(table), parts, words, options)
    print(
        f"\nPython {platform.python_version()}, NumPy {np.__version__}, torch "
        f"{torch.__version__}, {platform.system()} {platform.machine()}, float32"
    )


if __name__ == "__main__":
    main()
