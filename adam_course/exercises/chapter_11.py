"""Chapter 11: the sizes of a network, what a loss gives away, and what is frozen."""

import math

from adam_course.exercises.checking import Exercise, Mistake

CHANNELS, HIDDEN, CLASSES = (1, 32, 64), 128, 10  # of the slide's network


def _side(kernel, padding, places=1, pads=2, pooled=lambda side: side // 2):
    """The side of a picture of 28 pixels after two convolutions and poolings."""
    side = 28
    for _ in range(2):
        side = pooled(side + pads * padding - kernel + places)
    return side


def _count(kernel, side, bias=1, inputs=CHANNELS[1], maps=CHANNELS[2]):
    """All parameters, given the side of the pictures that the first connected layer gets."""
    return (
        (CHANNELS[0] * kernel**2 + bias) * CHANNELS[1]
        + (inputs * kernel**2 + bias) * CHANNELS[2]
        + (maps * side**2 + bias) * HIDDEN
        + (HIDDEN + bias) * CLASSES
    )


def _network_size(kernel, padding):
    return _count(kernel, _side(kernel, padding))


SIZE = Exercise(
    name="11-network-size",
    task="Write network_size(kernel, padding): the number of parameters of the slide's network.",
    reference=_network_size,
    examples=((1, 0), (2, 0), (3, 0), (3, 1), (7, 0), (7, 3)),
    mistakes=(
        Mistake(
            "no biases",
            lambda kernel, padding: _count(kernel, _side(kernel, padding), bias=0),
            "The biases are missing: one for each channel of a convolution, and one for each "
            "output of a connected layer.",
        ),
        Mistake(
            "one input channel",
            lambda kernel, padding: _count(kernel, _side(kernel, padding), inputs=1),
            "The second convolution does not see one picture but all the channels of the first. "
            "Each of its kernels has weights for every one of them.",
        ),
        Mistake(
            "one map into fc1",
            lambda kernel, padding: _count(kernel, _side(kernel, padding), maps=1),
            "You flatten one map. All the channels of the second convolution go into the first "
            "connected layer.",
        ),
        Mistake(
            "fc1 as before",
            lambda kernel, padding: _count(kernel, _side(3, 0)),
            "Your first connected layer is of the slide's size, whatever the kernels. Trace the "
            "side of the picture for these.",
        ),
        Mistake(
            "a place too few",
            lambda kernel, padding: _count(kernel, _side(kernel, padding, places=0)),
            "A kernel has one place more than that along a side. Count them for a kernel of one "
            "pixel.",
        ),
        Mistake(
            "padding on one side",
            lambda kernel, padding: _count(kernel, _side(kernel, padding, pads=1)),
            "Padding goes around the picture: it stands at both ends of a side.",
        ),
        Mistake(
            "padding is left out",
            lambda kernel, padding: _count(kernel, _side(kernel, 0)),
            "Your number does not depend on the padding, but the side of the picture does.",
        ),
        Mistake(
            "halves of pixels",
            lambda kernel, padding: _count(
                kernel, _side(kernel, padding, pooled=lambda side: side / 2)
            ),
            "There are no halves of pixels. What does pooling do with the last pixel of an odd "
            "side?",
        ),
        Mistake(
            "pooling rounds up",
            lambda kernel, padding: _count(
                kernel, _side(kernel, padding, pooled=lambda side: -(-side // 2))
            ),
            "Your pooling keeps the last pixel of an odd side. It drops it.",
        ),
    ),
)


def _floor(classes):
    return math.log(1 + (classes - 1) / math.e)


SHARE = Exercise(
    name="11-share-right",
    task="Write share_right(loss, classes): the share that is right, from a loss at rest.",
    reference=lambda loss, classes: 1 - (loss - _floor(classes)),
    examples=((0.5, 2), (1.0, 2), (1.75, 10), (2.4, 10), (6.25, 1000)),
    rel=1e-6,
    mistakes=(
        Mistake(
            "the share of mistakes",
            lambda loss, classes: loss - _floor(classes),
            "That is the share of the mistakes. What is asked is the rest.",
        ),
        Mistake(
            "a floor of zero",
            lambda loss, classes: 1 - loss,
            "You count from zero. With two softmaxes a perfect network still has a loss; only "
            "what lies above it comes from mistakes.",
        ),
        Mistake(
            "the floor of ten classes",
            lambda loss, classes: 1 - (loss - _floor(10)),
            "Your floor is the one of ten classes. Work out the loss at the right corner again, "
            "for any number of them.",
        ),
        Mistake(
            "one class too many",
            lambda loss, classes: 1 - (loss - math.log(1 + classes / math.e)),
            "The right class is counted twice in your floor. How many others are there?",
        ),
        Mistake(
            "one softmax",
            lambda loss, classes: math.exp(-loss),
            "That is the mean probability of the right class (the geometric one) if softmax is "
            "applied once. Here the probabilities go through it again.",
        ),
        Mistake(
            "against guessing",
            lambda loss, classes: 1 - loss / math.log(classes),
            "You compare with the loss of a network that knows nothing. This one is sure of "
            "everything: at a corner its loss can have just two values.",
        ),
        Mistake(
            "divided by the top",
            lambda loss, classes: 1 - (loss - _floor(classes)) / math.log(math.e + classes - 1),
            "You divide by the largest loss. How far apart are the losses of a right and of a "
            "wrong example?",
        ),
    ),
)

_ALL = _network_size(3, 0)
_WEIGHTS, _BIASES = CHANNELS[0] * 3**2 * CHANNELS[1], CHANNELS[1]
FROZEN = Exercise(
    name="11-frozen-kernels",
    task="How many parameters does Adam still train, if the first layer is frozen?",
    reference=_ALL - _WEIGHTS - _BIASES,
    rel=0,
    abs=0,
    mistakes=(
        Mistake(
            "what is frozen",
            _WEIGHTS + _BIASES,
            "So many are frozen. What is asked is how many are left.",
        ),
        Mistake(
            "the biases go on",
            _ALL - _WEIGHTS,
            "The kernels are frozen, but their biases go on. They belong to the layer.",
        ),
        Mistake(
            "all of them",
            _ALL,
            "That is the whole network. A parameter that needs no gradient is not trained, though "
            "the network still has it.",
        ),
        Mistake(
            "both convolutions",
            _ALL - _WEIGHTS - _BIASES - (CHANNELS[1] * 3**2 + 1) * CHANNELS[2],
            "You have frozen both convolutions. The second goes on.",
        ),
    ),
)

EXERCISES = (SIZE, SHARE, FROZEN)
