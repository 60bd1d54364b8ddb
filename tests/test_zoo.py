"""The bug zoo: every animal has its papers, and the properties kill all of them."""

import numpy as np
import pytest

from adam_course import Adam, AdamW, GradientDescent, replay, zoo
from adam_course.zoo import PROPERTIES, SOURCES, WRONG_ADAMS, kill_matrix


def test_has_at_least_fifteen_and_each_says_where_it_is_from():
    assert len(WRONG_ADAMS) >= 15
    assert SOURCES.keys() == WRONG_ADAMS.keys()
    shipped = [name for name, words in SOURCES.items() if "slip" not in words]
    assert len(shipped) >= 10


@pytest.mark.parametrize("name", WRONG_ADAMS)
def test_each_says_what_it_does_and_does_something_else_than_adam(name):
    mutant = WRONG_ADAMS[name]
    assert mutant.__doc__.endswith(".")
    gradients = np.random.default_rng(0).normal(size=(20, 3))
    gradients[::5, 1] = 0
    # Epsilon is large enough to matter, and a third coordinate sees nothing at all.
    gradients[:, 2] = 0
    right = replay(Adam(0.1, epsilon=0.1), gradients).x
    with np.errstate(all="ignore"):
        wrong = replay(mutant(0.1, epsilon=0.1), gradients).x
    assert not np.allclose(right, wrong, rtol=1e-6, equal_nan=False)


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_property_holds_for_adam_and_kills_somebody(name):
    assert PROPERTIES[name](Adam)
    assert kill_matrix()[name].any()
    assert PROPERTIES[name].__doc__.endswith(".")


def test_together_the_properties_kill_all_and_none_of_them_does_alone():
    matrix = kill_matrix()
    assert matrix["caught"].all()
    assert not matrix.drop(columns="caught").all(axis=0).any()


def test_a_convergence_test_lets_most_of_them_pass():
    def arrives(rule):
        x = np.array([5.0, -3.0])
        state = rule().init(x)
        for _ in range(800):
            x, state = rule(learning_rate=0.1).update(x, 2 * x, state)
        return np.abs(x).max() < 0.05

    caught = kill_matrix(arrives)["caught"].sum()
    assert caught < len(WRONG_ADAMS) / 2


def test_the_matrix_takes_one_function_a_list_or_names():
    def positive(rule):
        return replay(rule(), [[1.0]]).x[-1, 0] < 0

    one = kill_matrix(positive)
    assert list(one.columns) == ["positive", "caught"]
    assert list(one.index) == list(WRONG_ADAMS)
    assert one.equals(kill_matrix([positive]))
    named = kill_matrix({"goes down": positive, "again": positive})
    assert list(named.columns) == ["goes down", "again", "caught"]
    assert one["caught"].equals(named["caught"])
    assert one.index[one["caught"]].tolist() == ["Ascent"]


def test_a_test_that_raises_has_caught_it():
    def strict(rule):
        if rule is WRONG_ADAMS["Ascent"]:
            raise RuntimeError
        return True

    assert kill_matrix(strict).index[kill_matrix(strict)["caught"]].tolist() == ["Ascent"]


@pytest.mark.parametrize(
    ("tests", "match"),
    [
        (lambda rule: False, "does not pass the right Adam"),
        ({"never": lambda rule: 1 / 0}, "^never does not pass the right Adam"),
        ([], "^tests must hold at least one function"),
        ({"a number": 3}, r"^tests\['a number'\] must be a function of a rule, got 3"),
    ],
    ids=["fails Adam", "raises for Adam", "none", "a number"],
)
def test_tests_that_say_nothing_are_refused(tests, match):
    with pytest.raises(ValueError, match=match):
        kill_matrix(tests)


def test_the_wrong_adamws_differ_from_adamw_only_where_there_is_decay():
    gradients = np.random.default_rng(1).normal(size=(10, 2))
    for mutant in zoo.WRONG_ADAMWS.values():
        for decay, same in ((0.0, True), (0.1, False)):
            right = replay(AdamW(0.1, weight_decay=decay), gradients, start=[1.0, 2.0]).x
            wrong = replay(mutant(0.1, weight_decay=decay), gradients, start=[1.0, 2.0]).x
            assert np.allclose(right, wrong, rtol=1e-12) is same


def test_another_rule_is_no_adam():
    assert not all(test(GradientDescent) for test in list(PROPERTIES.values())[:1])
