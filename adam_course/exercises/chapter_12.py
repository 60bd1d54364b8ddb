"""Chapter 12: the loop over words, one length for all blocks, a mask, and a gate."""

import sys
from contextlib import nullcontext
from functools import partial

import numpy as np

from adam_course.exercises.checking import Exercise, Mistake, checked

# ------------------------------------------------------------------ the loop over words


def _class_with(forward):
    """A class like the slide's, with another `forward`."""

    def make(vocab_size, embedding_dim, hidden_dim, output_dim):
        from torch import nn

        class Network(nn.Module):
            def __init__(self):
                super().__init__()
                self.embedding = nn.Embedding(vocab_size, embedding_dim)
                self.rnn = nn.RNNCell(embedding_dim, hidden_dim)
                self.fc = nn.Linear(hidden_dim, output_dim)

        Network.forward = forward
        return Network()

    return make


def _states(self, x, steps=lambda x: range(x.shape[1]), words=lambda e, t: e[:, t], memory=True):
    """The hidden state after each step; the options are where mistakes are made."""
    embedded, hidden, found = self.embedding(x), None, []
    for t in steps(x):
        output = hidden = self.rnn(words(embedded, t), hidden if memory else None)
        found.append(output)
    return [*found[:-1], output]  # without a step there is none, and Python says so


def _read_with(end=lambda self, states: self.fc(states[-1]), **options):
    """A class that reads the states at the end, by `end`."""
    return _class_with(lambda self, x: end(self, _states(self, x, **options)))


def _answers(make, sentences):
    """What a class's network says to some sentences, with weights that are always the same."""
    sizes = 10, 3, 4, 1
    # A stub needs no torch, and whoever has written a class has loaded it.
    torch = sys.modules.get("torch")
    with torch.random.fork_rng(devices=[]) if torch else nullcontext():
        network = make(*sizes)
    if network is None:
        return None
    import torch

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        weights = _read_with()(*sizes).state_dict()
        if network.state_dict().keys() != weights.keys():
            raise TypeError("the layers must be the slide's: embedding, rnn (a cell) and fc")
        network.load_state_dict(weights)
        answers = network(torch.from_numpy(sentences))
    if answers is None:
        return None
    # One number for each sentence, whether they are in a column or in a row.
    return (answers.squeeze(-1) if answers.ndim == 2 else answers).numpy()


_LOOPS = (
    Mistake(
        "over the sentences",
        _read_with(steps=lambda x: range(len(x)), words=lambda e, t: e[t]),
        "Your loop still takes sentences for words. Which axis of x has the words, in its length "
        "and in what you take out of the embedding?",
    ),
    Mistake(
        "as many steps as sentences",
        _read_with(steps=lambda x: range(len(x))),
        "You take the words of one place, as is right, but make as many steps as there are "
        "sentences. Try it with one sentence of three words.",
    ),
    Mistake(
        "as many sentences as words",
        _read_with(words=lambda e, t: e[t]),
        "You make as many steps as there are words, as is right, and then take out sentences. "
        "Which axis of the embedded words is which?",
    ),
    Mistake(
        "no memory",
        _read_with(memory=False),
        "Every word meets an empty state, so the answer depends on the last word alone. What "
        "does the cell need besides the word?",
    ),
    Mistake(
        "backwards",
        _read_with(steps=lambda x: reversed(range(x.shape[1]))),
        "It reads from the last word to the first.",
    ),
    Mistake(
        "without the last word",
        _read_with(steps=lambda x: range(x.shape[1] - 1)),
        "The last word of each sentence is left out. A range ends before its end.",
    ),
    Mistake(
        "an answer for every word",
        _class_with(lambda self, x: _stacked(self, _states(self, x))),
        "You give an answer after every word. What is asked is one for each sentence.",
    ),
    Mistake(
        "a probability",
        _read_with(lambda self, states: self.fc(states[-1]).sigmoid()),
        "Your answers are probabilities. The loss of this chapter wants logits: it has the "
        "sigmoid inside.",
    ),
)


def _stacked(self, states):
    import torch

    return self.fc(torch.stack(states, dim=1))


_COMPARED = Exercise(
    name="12-loop-over-words",
    task="Write the class MendedRNN: sentences first, words second, one answer for each sentence.",
    reference=partial(_answers, _read_with()),
    examples=tuple(
        (np.array(sentences),)
        for sentences in (
            [[5]],
            [[3, 1, 4]],
            [[2], [7]],
            [[2, 7, 1], [8, 2, 9]],
            [[1, 6], [1, 8], [0, 3], [3, 9]],
            [[3, 1, 4], [1, 5, 9], [2, 6, 5]],
        )
    ),
    mistakes=tuple(Mistake(m.name, partial(_answers, m.answer), m.hint) for m in _LOOPS),
    rel=1e-4,  # of float32
    abs=1e-6,
)


def _loops(make):
    """What is wrong with a class: a mistake's name, a sentence, or None."""
    if hasattr(make, "forward") and not isinstance(make, type):
        return "Give the class itself, not a network that is made of it."
    feedback = checked(_COMPARED, partial(_answers, make))
    if not feedback.attempted:
        return NotImplemented
    return None if feedback.right else feedback.mistake or feedback.message


LOOP = Exercise(
    _COMPARED.name, _COMPARED.task, reference=_read_with(), judge=_loops, mistakes=_LOOPS
)

# ------------------------------------------------------------------- clipped as one


def _length(gradients):
    return np.sqrt(sum((g * g).sum() for g in gradients.values()))


def _by_factor(factor):
    """A function that multiplies all blocks by one number."""
    return lambda gradients, limit: {
        name: factor(gradients, limit) * g for name, g in gradients.items()
    }


def _down_to(length):
    """Clips if `length` is above the limit."""
    return _by_factor(lambda gradients, limit: min(1.0, limit / max(length(gradients), 1e-300)))


CLIPPED = Exercise(
    name="12-clip-as-one",
    task="Write clip_by_norm(gradients, limit) for a dict of NumPy arrays; it gives such a dict.",
    reference=_down_to(_length),
    examples=(
        ({"w": np.array([3.0, 4.0])}, 1.0),
        ({"w": np.array([3.0, 4.0])}, 10.0),
        ({"w": np.array([0.0, 0.0])}, 1.0),
        ({"w": np.array([3.0]), "b": np.array([-4.0])}, 2.0),
        ({"w": np.array([0.3, 0.4]), "b": np.array([1.2])}, 0.65),
        ({"w": np.array([[0.3, 0.1], [-0.2, 0.0]]), "b": np.array([40.0, -30.0])}, 4.0),
    ),
    rel=1e-5,  # some add a millionth to the length, as torch does
    mistakes=(
        Mistake(
            "block by block",
            lambda gradients, limit: {
                name: _down_to(_length)({name: g}, limit)[name] for name, g in gradients.items()
            },
            "You clip each block by itself. Then the blocks change against one another, and the "
            "gradient turns: of which vector should the length be taken?",
        ),
        Mistake(
            "by value",
            lambda gradients, limit: {
                name: np.clip(g, -limit, limit) for name, g in gradients.items()
            },
            "That is clipping by value: it cuts each coordinate, and the gradient turns.",
        ),
        Mistake(
            "short ones as well",
            _by_factor(lambda gradients, limit: limit / _length(gradients)),
            "You bring every gradient to the limit, also one that is shorter, or zero.",
        ),
        Mistake(
            "the other way round",
            _by_factor(lambda gradients, limit: max(1.0, limit / max(_length(gradients), 1e-300))),
            "Short gradients are made longer, and long ones pass. Which of the two factors is to "
            "be taken, the smaller or the larger?",
        ),
        Mistake(
            "no root",
            _down_to(lambda gradients: _length(gradients) ** 2),
            "You divide by the sum of the squares. A length is its root.",
        ),
        Mistake(
            "lengths added",
            _down_to(lambda gradients: sum(np.sqrt((g * g).sum()) for g in gradients.values())),
            "You add the lengths of the blocks. Their squares add: think of two sides at a right "
            "angle.",
        ),
        Mistake(
            "the sum of sizes",
            _down_to(lambda gradients: sum(np.abs(g).sum() for g in gradients.values())),
            "You add the sizes of all coordinates. A length is the root of the sum of squares.",
        ),
        Mistake(
            "the largest coordinate",
            _down_to(lambda gradients: max(np.abs(g).max() for g in gradients.values())),
            "You compare the largest coordinate with the limit, not the length of the whole.",
        ),
    ),
)

# ------------------------------------------------------------------ a mean, masked


def _texts(tokens, lengths, seed, dimension=2):
    """An example to call with; the row of the padding is not zero."""
    table = np.random.default_rng(seed).normal(size=(8, dimension)).round(1)
    tokens = np.array(tokens)
    return table[tokens], tokens, np.array(lengths)


def _present(tokens):
    return (tokens != 0)[..., None]


MEAN = Exercise(
    name="12-mean-of-own-words",
    task="Write mean_of_own_words(rows, tokens, lengths) for NumPy arrays.",
    reference=lambda rows, tokens, lengths: (
        (rows * _present(tokens)).sum(axis=1) / lengths[:, None]
    ),
    examples=(
        _texts([[3]], [1], seed=0),
        _texts([[3, 5]], [2], seed=1),
        _texts([[3, 5, 0]], [2], seed=2),
        _texts([[4, 0, 0, 0], [1, 7, 2, 6]], [1, 4], seed=3),
        _texts([[4, 4, 2, 0, 0], [5, 0, 0, 0, 0], [2, 6, 1, 3, 0]], [3, 1, 4], seed=4, dimension=3),
    ),
    mistakes=(
        Mistake(
            "padding and all",
            lambda rows, tokens, lengths: rows.mean(axis=1),
            "That is the mean over all places: the padding's row is in it, once for each place "
            "of padding.",
        ),
        Mistake(
            "the padding is in the sum",
            lambda rows, tokens, lengths: rows.sum(axis=1) / lengths[:, None],
            "You divide by the right number, but the padding's row is still in the sum. It need "
            "not be zero.",
        ),
        Mistake(
            "divided by all places",
            lambda rows, tokens, lengths: (rows * _present(tokens)).mean(axis=1),
            "The sum is right. You divide it by the number of places, so that a short text comes "
            "out small.",
        ),
        Mistake(
            "the sum",
            lambda rows, tokens, lengths: (rows * _present(tokens)).sum(axis=1),
            "That is the sum of a text's own rows. A mean is asked for.",
        ),
        Mistake(
            "one length for all",
            lambda rows, tokens, lengths: (rows * _present(tokens)).sum(axis=1) / lengths.max(),
            "You divide all texts by the length of the longest. Each has its own.",
        ),
        Mistake(
            "one place too many",
            lambda rows, tokens, lengths: np.array(
                [row[: n + 1].mean(axis=0) for row, n in zip(rows, lengths)]
            ),
            "A place behind the last word is in your mean, wherever there is one.",
        ),
        Mistake(
            "the last word",
            lambda rows, tokens, lengths: rows[np.arange(len(rows)), lengths - 1],
            "That is the row of the last word, which is what a recurrent network reads last. The "
            "mean is over all of them.",
        ),
    ),
)

# ------------------------------------------------------------------------- a gate

GATE = Exercise(
    name="12-gate",
    task="Give the gate z with which half of a state is left after twenty words.",
    reference=0.5 ** (1 / 20),
    rel=1e-3,
    mistakes=(
        Mistake(
            "a straight line",
            1 - 0.5 / 20,
            "You let the state lose the same amount with each word. It loses the same share.",
        ),
        Mistake(
            "one in twenty",
            1 - 1 / 20,
            "That gate leaves a little more than a third. Twenty words are its mean memory, not "
            "its half-life.",
        ),
        Mistake(
            "the power, not the root",
            0.5**20,
            "That is what a gate of a half leaves after twenty words. You are asked for the gate.",
        ),
        Mistake(
            "what comes in",
            1 - 0.5 ** (1 / 20),
            "That is the part of the new word, 1 − z. Which of the two is z in this formula?",
        ),
        Mistake(
            "the time constant",
            np.exp(-1 / 20),
            "With that gate it takes twenty words to fall to 1/e. Half is asked for.",
        ),
    ),
)

EXERCISES = (LOOP, CLIPPED, MEAN, GATE)
