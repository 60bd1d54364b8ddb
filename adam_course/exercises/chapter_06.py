"""Chapter 6: what can be seen in a figure, contours, and planes in many dimensions."""

import numpy as np

from adam_course.exercises.checking import Exercise, Mistake

# The slide's figure: pixels of one unit along x and y, and of one dot across.
_WIDE, _HIGH, _DOT = 77.5, 61.6, 3 / 72 * 100
_STEP = np.hypot(_WIDE, _HIGH)  # pixels of a diagonal step of 1 in each coordinate

MAKE_IT_VISIBLE = Exercise(
    name="06-make-it-visible",
    task="Give the learning rate at which 50 steps are ten dots long on the screen.",
    reference=10 * _DOT / (50 * _STEP),
    rel=0.03,
    mistakes=(
        Mistake(
            "one step",
            10 * _DOT / _STEP,
            "With that rate a single step is ten dots long. There are fifty.",
        ),
        Mistake(
            "one dot",
            _DOT / (50 * _STEP),
            "With that rate the path is one dot long, and as good as hidden in it. You want ten.",
        ),
        Mistake(
            "ten pixels",
            10 / (50 * _STEP),
            "With that rate the path is ten pixels long. A dot is wider than a pixel.",
        ),
        Mistake(
            "both sides added",
            10 * _DOT / (50 * (_WIDE + _HIGH)),
            "You added the way along x and the way along y. A diagonal step is shorter than that.",
        ),
        Mistake(
            "only x",
            10 * _DOT / (50 * _WIDE),
            "That is for a path along x alone. Adam moves both coordinates by a rate in each step.",
        ),
        Mistake(
            "only y",
            10 * _DOT / (50 * _HIGH),
            "That is for a path along y alone. Adam moves both coordinates by a rate in each step.",
        ),
    ),
)


def _levels(f_max, n, p):
    return f_max * (np.arange(1, n + 1) / n) ** p


LEVELS = Exercise(
    name="06-levels-for-a-bowl",
    task="Write even_levels(f_max, n, q): n levels at which the contours of r^q are equally "
    "far apart.",
    reference=_levels,
    examples=((1.0, 1, 2), (16.0, 4, 2), (81.0, 3, 4), (10.0, 5, 1), (8.0, 4, 0.5)),
    mistakes=(
        Mistake(
            "equal heights",
            lambda f_max, n, q: _levels(f_max, n, 1),
            "Your levels are equally far apart in height. Their radii are not: the first circle is "
            "the largest gap.",
        ),
        Mistake(
            "upside down",
            lambda f_max, n, q: _levels(f_max, n, 1 / q),
            "Your exponent is upside down: a level r^q belongs to the radius r, and the radii are "
            "to be even.",
        ),
        Mistake(
            "the bowl's",
            lambda f_max, n, q: _levels(f_max, n, 2),
            "That is right for the bowl. How steep the function is must enter.",
        ),
        Mistake(
            "the package's",
            lambda f_max, n, q: _levels(f_max, n, 2.5),
            "2.5 is what the package takes. For which q would that be even?",
        ),
        Mistake(
            "from zero",
            lambda f_max, n, q: f_max * (np.arange(n) / n) ** q,
            "Your levels begin at 0, which is a point and no line, and the highest is missing.",
        ),
        Mistake(
            "radii, not levels",
            lambda f_max, n, q: f_max ** (1 / q) * np.arange(1, n + 1) / n,
            "These are the radii. At which height is each of these circles?",
        ),
        Mistake(
            "no largest value",
            lambda f_max, n, q: (np.arange(1, n + 1) / n) ** q,
            "The highest level is f_max. Yours is 1.",
        ),
    ),
)


def _share(places, directions):
    places, directions = np.asarray(places, dtype=float), np.asarray(directions, dtype=float)
    centred = places - places.mean(axis=0)
    return ((centred @ directions) ** 2).sum() / (centred**2).sum()


def _uncentred(places, directions):
    places, directions = np.asarray(places, dtype=float), np.asarray(directions, dtype=float)
    return ((places @ directions) ** 2).sum() / (places**2).sum()


_TURNED = np.array([[0.6, 0.0], [0.8, 0.0], [0.0, 1.0]])
RANDOM_PLANE = Exercise(
    name="06-a-random-plane",
    task="Write share_held(places, directions): which share of the variance of places (n, d) lies "
    "in the plane of two orthonormal directions (d, 2).",
    reference=_share,
    examples=(
        (np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]), np.eye(3)[:, :2]),
        (np.array([[1.0, 1.0, 1.0], [3.0, 1.0, 2.0]]), np.eye(3)[:, :2]),
        (np.array([[1.0, 2.0, 5.0], [3.0, -1.0, 2.0], [0.0, 0.0, 1.0]]), _TURNED),
    ),
    mistakes=(
        Mistake(
            "not centred",
            _uncentred,
            "You measure from the origin. Variance is measured from the mean of the places.",
        ),
        Mistake(
            "the first direction only",
            lambda places, directions: _share(places, directions[:, :1]),
            "That is the share of one direction. A plane has two.",
        ),
        Mistake(
            "a share of lengths",
            lambda places, directions: np.sqrt(_share(places, directions)),
            "That is a ratio of lengths. A variance is made of squares.",
        ),
        Mistake(
            "what is left",
            lambda places, directions: 1 - _share(places, directions),
            "That is the share which the plane does not hold.",
        ),
        Mistake(
            "not divided",
            lambda places, directions: (
                _share(places, directions)
                * ((places - places.mean(axis=0)) ** 2).sum()
                / len(places)
            ),
            "That is the variance in the plane. Divide by the whole of it.",
        ),
    ),
)


def x_squared_plus_10_y(points):
    """Nothing alike about x and y: a mirrored picture of it is another one."""
    return points[..., 0] ** 2 + 10 * points[..., 1]


def _heights(objective, x, y):
    return objective(np.stack(np.meshgrid(x, y), axis=-1))


MIRRORED = Exercise(
    name="06-mirrored",
    task="Mend heights_on(objective, x, y): row i and column j are to hold the value at "
    "(x[j], y[i]).",
    reference=_heights,
    examples=(
        (x_squared_plus_10_y, np.array([1.0]), np.array([2.0])),
        (x_squared_plus_10_y, np.array([0.0, 1.0]), np.array([3.0, 5.0])),
        (x_squared_plus_10_y, np.array([0.0, 1.0, 2.0]), np.array([-1.0, 4.0])),
    ),
    mistakes=(
        Mistake(
            "columns for rows",
            lambda objective, x, y: _heights(objective, x, y).T,
            "x runs along the rows now. On a picture x goes to the right, from column to column.",
        ),
        Mistake(
            "x and y exchanged",
            lambda objective, x, y: objective(np.stack(np.meshgrid(x, y)[::-1], axis=-1)),
            "The grid is right, but y is handed to the objective as its first number.",
        ),
        Mistake(
            "both at once",
            lambda objective, x, y: objective(
                np.stack(np.meshgrid(x, y, indexing="ij")[::-1], axis=-1)
            ),
            "Rows and columns are exchanged, and x and y too. One of the two does not undo the "
            "other where the function treats them differently.",
        ),
        Mistake(
            "upside down",
            lambda objective, x, y: _heights(objective, x, y)[::-1],
            "Your first row is the highest y. Images begin at the top, grids for contours do not.",
        ),
    ),
)

EXERCISES = (MAKE_IT_VISIBLE, LEVELS, RANDOM_PLANE, MIRRORED)
