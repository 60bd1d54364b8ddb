"""A race is fair: tuned alike, on some cases, and judged on others.

The costs here are made by hand, so that what is chosen and what is reported can disagree, and
a small real race is run once more by single runs.
"""

import math

import numpy as np
import pytest
import tqdm.auto
from hypothesis import given
from hypothesis import strategies as st

from adam_course import (
    Adam,
    AdamW,
    GradientDescent,
    Momentum,
    Race,
    RMSProp,
    minimize,
    race,
    rosenbrock,
    steps_below,
)

RATES = np.array([0.1, 0.2, 0.3])
INF = math.inf


def candidates(rule=Adam, rates=RATES, **others):
    return rule(learning_rate=np.reshape(rates, (-1, 1, 1)), **others)


class Costs:
    """Costs by hand, a row for each learning rate and a column for each case; notes its calls."""

    def __init__(self, rows, rates=RATES):
        self.rows = dict(zip(rates, np.asarray(rows, dtype=float)))
        self.calls = []

    def __call__(self, optimizer, cases):
        rates = np.asarray(optimizer.learning_rate)
        self.calls.append((type(optimizer), rates.shape, list(cases)))
        costs = np.array([self.rows[rate][list(cases)] for rate in rates.ravel().tolist()])
        return costs if rates.ndim else costs[0]


# Four cases, of which the first two tune: they like 0.2 best, and the others 0.3.
ROWS = [[9.0, 9.0, 5.0, 5.0], [3.0, 5.0, 8.0, 6.0], [6.0, 6.0, 1.0, 1.0]]


def run(rows=ROWS, contenders=None, tuning=(0, 1), held_out=(2, 3), **options):
    return race(Costs(rows), contenders or [candidates()], tuning, held_out, **options)


# -------------------------------------------------------------------- the protocol


def test_what_is_chosen_on_some_cases_is_reported_on_others():
    result = run()
    assert result.chosen == {"Adam": Adam(0.2)}
    assert result.tuning["Adam"].tolist() == [9.0, 4.0, 6.0]
    assert result.costs["Adam"].tolist() == [8.0, 6.0]
    assert result.median("Adam") == 7.0


def test_the_other_way_round_another_one_is_chosen():
    result = run(tuning=(2, 3), held_out=(0, 1))
    assert result.chosen == {"Adam": Adam(0.3)}
    assert result.costs["Adam"].tolist() == [6.0, 6.0]


def test_candidates_see_the_tuning_cases_alone_and_the_chosen_the_others_alone():
    costs = Costs(ROWS)
    race(costs, [candidates(), candidates(RMSProp)], tuning=[0, 1], held_out=[2, 3])
    assert costs.calls == [
        (Adam, (3, 1, 1), [0, 1]),
        (Adam, (), [2, 3]),
        (RMSProp, (3, 1, 1), [0, 1]),
        (RMSProp, (), [2, 3]),
    ]


def test_of_equal_candidates_the_first_is_chosen():
    assert run([[9, 9, 5, 5], [4, 4, 8, 6], [3, 5, 1, 1]]).chosen["Adam"] == Adam(0.2)
    assert run([[INF] * 4] * 3).chosen["Adam"] == Adam(0.1)


def test_a_candidate_that_does_not_finish_is_behind_all_that_do():
    result = run([[0, INF, 0, 0], [1e9, 1e9, 1, INF], [INF, 0, 0, 0]])
    assert result.chosen["Adam"] == Adam(0.2)
    assert result.tuning["Adam"].tolist() == [INF, 1e9, INF]
    assert result.finished("Adam") == 1


def test_it_is_chosen_by_the_mean_unless_told_otherwise():
    result = run([[1, 1, 7, 0], [2, 2, 2, 0], [0, 5, 4, 0]], tuning=(0, 1, 2), held_out=(3,))
    assert result.tuning["Adam"].tolist() == [3.0, 2.0, 3.0]
    assert result.chosen["Adam"] == Adam(0.2)


def test_it_can_be_chosen_by_something_else():
    result = run(choose_by=lambda costs: costs.min(axis=-1))
    assert result.chosen["Adam"] == Adam(0.2)
    result = run([[4, 4, 0, 0], [2, 5, 0, 0], [1, 9, 0, 0]], choose_by=lambda c: c.min(axis=-1))
    assert result.chosen["Adam"] == Adam(0.3)
    assert result.tuning["Adam"].tolist() == [4.0, 2.0, 1.0]


def test_contenders_do_not_notice_each_other():
    both = run(contenders=[candidates(), candidates(Momentum, RATES[::-1])])
    for name, one in (("Adam", candidates()), ("Momentum", candidates(Momentum, RATES[::-1]))):
        alone = run(contenders=[one])
        assert both.chosen[name] == alone.chosen[name]
        assert both.tuning[name].tolist() == alone.tuning[name].tolist()
        assert both.costs[name].tolist() == alone.costs[name].tolist()


def test_a_candidate_is_its_own_combination_with_what_is_fixed():
    beta2 = np.reshape([0.9, 0.99, 0.999], (-1, 1, 1))
    result = run(contenders=[candidates(AdamW, beta2=beta2, beta1=0.5)])
    assert result.chosen["AdamW"] == AdamW(0.2, beta1=0.5, beta2=0.99)
    assert all(type(value) is float for value in result.chosen["AdamW"].hyperparameters.values())


def test_one_rule_races_twice_under_two_names():
    two = {"slow": candidates(), "fast": candidates(rates=[0.3, 0.3, 0.3])}
    result = run(contenders=two)
    assert result.chosen == {"slow": Adam(0.2), "fast": Adam(0.3)}
    assert list(result.table.index) == ["slow", "fast"]


def test_contenders_may_come_one_by_one():
    result = run(contenders=(candidates(rule) for rule in (Adam, RMSProp)))
    assert list(result.chosen) == ["Adam", "RMSProp"]


def test_a_real_race_is_what_single_runs_make_of_it():
    rates, cap = 10.0 ** np.arange(-4, 0.3, 0.5), 400
    starts = np.random.default_rng(5).uniform([-2, -1], [2, 3], size=(9, 2))

    def steps(optimizer, starts):
        return steps_below(rosenbrock, optimizer, 1.0, starts, cap=cap)

    def by_hand(optimizer, start):
        return minimize(rosenbrock, optimizer, start, cap).first_below(1.0)

    rules = [Adam, RMSProp, GradientDescent]
    result = race(
        steps,
        [candidates(rule, rates) for rule in rules],
        tuning=starts[:4],
        held_out=starts[4:],
        choose_by=lambda steps: np.minimum(steps, 2 * cap).mean(axis=-1),
    )
    for rule in rules:
        means = [
            np.mean([min(by_hand(rule(rate), start), 2 * cap) for start in starts[:4]])
            for rate in rates
        ]
        best = rule(rates[np.argmin(means)])
        assert result.tuning[rule.__name__].tolist() == means
        assert result.chosen[rule.__name__] == best
        assert result.costs[rule.__name__].tolist() == [
            by_hand(best, start) for start in starts[4:]
        ]
        assert len(set(means)) > 3


# ------------------------------------------------------------- the edge of the grid


@pytest.mark.parametrize(
    ("rates", "best", "at_edge"),
    [
        ([0.1, 0.2, 0.3], 0, True),
        ([0.1, 0.2, 0.3], 1, False),
        ([0.1, 0.2, 0.3], 2, True),
        ([0.2, 0.1, 0.3], 0, False),  # in no order: the first is in the middle
        ([0.2, 0.1, 0.3], 1, True),
    ],
)
def test_a_choice_at_the_edge_of_its_rates_is_said(rates, best, at_edge):
    def cost(optimizer, cases):
        rates = np.ravel(optimizer.learning_rate)
        costs = np.ones((len(rates), len(cases)))
        costs[best if len(rates) > 1 else 0] = 0.0
        return costs if np.ndim(optimizer.learning_rate) else costs[0]

    result = race(cost, [candidates(rates=rates)], [0, 1], [2])
    assert result.at_edge == (("Adam",) if at_edge else ())
    assert result.table.loc["Adam", "at the edge"] == at_edge
    assert ("at the edge of their grid: Adam" in repr(result)) == at_edge


BETAS = np.reshape([0.5, 0.9], (-1, 1, 1))


@pytest.mark.parametrize(
    "contender",
    [Adam(0.1, BETAS), Adam([[[0.1]]], BETAS), Adam(np.full((2, 1, 1), 0.1), BETAS)],
    ids=["number", "one", "the same twice"],
)
def test_rates_that_are_not_tuned_have_no_edge(contender):
    def cost(optimizer, cases):
        return np.zeros((*np.shape(optimizer.beta1)[:1], len(cases)))

    assert race(cost, [contender], [0], [1]).at_edge == ()


# ------------------------------------------------------------------------ quantiles


def race_with(**costs):
    chosen = {name: Adam(0.1) for name in costs}
    return Race(chosen, {}, {name: np.array(c, dtype=float) for name, c in costs.items()}, ())


@pytest.mark.parametrize(
    ("costs", "part", "wanted"),
    [
        ([3, 1, 2], 0.5, 2.0),
        ([4, 1, 2, 3], 0.5, 2.5),
        ([5], 0.1, 5.0),
        ([1, 2, 3, 4, 5], 0.1, 1.4),
        ([1, 2, 3, 4, 5], 0.0, 1.0),
        ([1, 2, 3, 4, 5], 1.0, 5.0),
        ([INF, 1, 2], 0.5, 2.0),  # the infinite one is not needed
        ([INF, 1, INF], 0.5, INF),
        ([INF, 1, 2, 3], 0.5, 2.5),
        ([INF, INF, 1, 2], 0.5, INF),  # halfway between 2 and never
        ([INF, INF, INF, 2], 0.5, INF),
        ([INF, INF, INF, 2], 0.0, 2.0),
        ([1, 2, 3, 4, INF], 0.75, 4.0),
        ([1, 2, 3, 4, INF], 0.751, INF),
        ([1, 2, 3, 4, INF], 1.0, INF),
        ([INF, INF], 0.9, INF),
    ],
)
def test_a_quantile_is_infinite_as_soon_as_it_needs_a_run_that_did_not_finish(costs, part, wanted):
    result = race_with(one=costs, other=[7.0])
    found = result.quantile("one", part)
    assert found == pytest.approx(wanted)
    assert type(found) is float
    if part == 0.5:
        assert result.median("one") == found


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=12), st.floats(0, 1))
def test_without_infinite_costs_a_quantile_is_numpys(costs, part):
    found = race_with(one=costs).quantile("one", part)
    assert found == pytest.approx(np.quantile(costs, part), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("part", [-0.1, 1.1, 50, math.nan])
def test_a_quantile_is_of_a_part(part):
    with pytest.raises(ValueError, match=rf"^part must be in \[0, 1\], got {part!r}"):
        race_with(one=[1, 2, 3]).quantile("one", part)


def test_a_quantile_leaves_the_costs_in_the_order_of_their_cases():
    result = race_with(one=[3, 1, 2])
    result.median("one")
    assert result.costs["one"].tolist() == [3.0, 1.0, 2.0]


# -------------------------------------------------------------------- what it says


def test_the_table_is_a_row_for_each_contender():
    result = Race(
        {"Adam": Adam(0.25), "RMSProp": RMSProp(0.5)},
        {},
        {"Adam": np.arange(11.0), "RMSProp": np.array([1.0, INF, 3.0])},
        ("RMSProp",),
    )
    table = result.table
    assert table.to_dict("index") == {
        "Adam": {
            "learning rate": 0.25,
            "median": 5.0,
            "10 %": 1.0,
            "90 %": 9.0,
            "finished": 11,
            "at the edge": False,
        },
        "RMSProp": {
            "learning rate": 0.5,
            "median": 3.0,
            "10 %": pytest.approx(1.4),
            "90 %": INF,
            "finished": 2,
            "at the edge": True,
        },
    }
    assert [str(kind) for kind in table.dtypes] == ["float64"] * 4 + ["int64", "bool"]
    assert repr(result) == "<Race: Adam 5, RMSProp 3; at the edge of their grid: RMSProp>"


def test_repr_without_edges():
    assert repr(race_with(one=[1234.5], other=[INF])) == "<Race: one 1234, other inf>"


# ------------------------------------------------------------------------- progress


def test_progress_shows_a_bar_and_changes_nothing(capsys):
    quiet = run()
    assert capsys.readouterr() == ("", "")
    loud = run(progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "/2" in err
    assert "run" in err
    assert loud.table.equals(quiet.table)


@pytest.mark.parametrize("error", [None, KeyError, KeyboardInterrupt])
def test_the_bar_counts_two_for_a_contender_and_is_closed_whatever_happens(error, monkeypatch):
    told = []

    class Bar:
        def __init__(self, total, **options):
            told.append(total)

        def update(self):
            told.append("one")

        def close(self):
            told.append("closed")

    class Broken(Costs):
        def __call__(self, optimizer, cases):
            if len(self.calls) == 3 and error:
                raise error
            return super().__call__(optimizer, cases)

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    two = [candidates(), candidates(RMSProp)]
    if error:
        with pytest.raises(error):
            race(Broken(ROWS), two, [0, 1], [2, 3], progress=True)
    else:
        race(Broken(ROWS), two, [0, 1], [2, 3], progress=True)
    assert told == [4, *["one"] * (3 if error else 4), "closed"]


# ------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (
            {"contenders": [candidates(), candidates(RMSProp, RATES[:2])]},
            "^contenders must have as many candidates each, got {'Adam': 3, 'RMSProp': 2}",
        ),
        ({"contenders": [candidates(), candidates()]}, "^contenders must be a dict .* Adam, Adam"),
        ({"contenders": []}, "^contenders must hold at least one optimizer"),
        ({"contenders": {}}, "^contenders must hold at least one optimizer"),
        ({"contenders": candidates()}, "^contenders must be a list or a dict .* got Adam"),
        ({"contenders": None}, "^contenders must be a list or a dict .* got None"),
        ({"contenders": [Adam]}, "^contenders.* must be an Optimizer, got <class"),
        ({"contenders": {"a": 0.1}}, r"^contenders\['a'\] must be an Optimizer, got 0.1"),
        ({"contenders": [Adam(0.1)]}, r"^contenders\['Adam'\] must have .* got \(\)"),
        ({"contenders": [Adam(RATES[:, None])]}, r"^contenders\['Adam'\] .* got \(3, 1\)"),
        ({"contenders": [Adam(RATES[:, None, None, None])]}, r"got \(3, 1, 1, 1\)"),
        ({"contenders": [Adam(np.full((3, 2, 1), 0.1))]}, r"got \(3, 2, 1\)"),
        ({"contenders": [Adam(np.full((3, 1, 2), 0.1))]}, r"got \(3, 1, 2\)"),
        ({"tuning": []}, r"^tuning must have at least one case, got \[\]"),
        ({"held_out": []}, r"^held_out must have at least one case, got \[\]"),
        ({"tuning": 3}, "^tuning must have at least one case, got 3"),
        (
            {"held_out": [[1], [2, 3]]},
            r"^held_out must be an array \(n, ...\) of cases, got \[\[1\]",
        ),
        ({"held_out": [2, 1]}, "^held_out must have none of the cases that tuning has"),
        ({"held_out": [2.0, 1.0]}, "^held_out must have none of the cases that tuning has"),
        ({"cost": 3.0}, "^cost must be a function .* got 3.0"),
        ({"choose_by": "mean"}, "^choose_by must be a function .* got 'mean'"),
        (
            {"choose_by": lambda costs: costs.mean()},
            r"^choose_by must return shape \(3,\), got \(\)",
        ),
        (
            {"choose_by": lambda costs: costs.mean(axis=0)},
            r"^choose_by must return shape \(3,\), got \(2,\)",
        ),
        (
            {"choose_by": lambda costs: np.array([1.0, math.nan, 0.0])},
            "^choose_by must not return NaN, got it for Adam",
        ),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_bad_arguments_are_refused_by_name(arguments, match):
    given = {
        "cost": Costs(ROWS),
        "contenders": [candidates()],
        "tuning": [0, 1],
        "held_out": [2, 3],
    }
    with pytest.raises(ValueError, match=match):
        race(**given | arguments)


def test_starts_are_in_both_sets_only_if_all_of_their_coordinates_are():
    starts = np.array([[1.0, 2.0], [3.0, 4.0]])

    def cost(optimizer, cases):
        return np.ones((*np.shape(optimizer.learning_rate)[:1], len(cases)))

    assert run_starts(cost, starts, [[1.0, 4.0], [2.0, 1.0]]).finished("Adam") == 2
    with pytest.raises(ValueError, match=r"^held_out must have none"):
        run_starts(cost, starts, [[5.0, 5.0], [3.0, 4.0]])
    with pytest.raises(ValueError, match=r"^held_out must have none"):
        run_starts(cost, np.asfortranarray(starts), [[3, 4]])


def run_starts(cost, tuning, held_out):
    return race(cost, [candidates()], tuning, held_out)


@pytest.mark.parametrize("at", ["tuning", "held_out"])
@pytest.mark.parametrize(
    ("broken", "match"),
    [
        (lambda costs: costs.T[..., None], "^cost must return shape .* for Adam, got"),
        (lambda costs: costs[..., :1], "^cost must return shape .* for Adam, got"),
        (lambda costs: 1.0, r"^cost must return shape .* for Adam, got \(\)"),
        (lambda costs: np.where(costs > 5, np.nan, costs), "^cost must not return NaN .* for Adam"),
    ],
    ids=["transposed", "cut", "number", "nan"],
)
def test_bad_costs_are_refused(at, broken, match):
    costs = Costs(ROWS)

    def cost(optimizer, cases):
        good = costs(optimizer, cases)
        return broken(good) if (good.ndim == 2) == (at == "tuning") else good

    with pytest.raises(ValueError, match=match):
        race(cost, [candidates()], [0, 1], [2, 3])
