"""What `Fused` takes and gives back: its containers, its buffers, its threads, its refusals.

That its numbers are right is the matter of test_fused; here is where they stand, who may
change them, what a step allocates, and that a refusal has moved nothing.
"""

import copy
import pickle
from collections import defaultdict
from types import MappingProxyType

import numpy as np
import pytest

from adam_course import OPTIMIZERS, AdaGrad, Adam, AdamW, NAdam, Optimizer
from adam_course.fused import Fused, optimizer
from adam_course.optimizers import AdamState

every_rule = pytest.mark.parametrize("name", OPTIMIZERS)
every_engine = pytest.mark.parametrize("engine", ["numba", "numpy"])
every_precision = pytest.mark.parametrize("dtype", [np.float64, np.float32])

SHAPES = {"weights": (4, 3), "bias": (3,), "scale": (), "none": (0, 2), "deep": (2, 1, 3)}


def several(seed=0, dtype=np.float64):
    """A dict of arrays of all kinds of shapes."""
    rng = np.random.default_rng(seed)
    return {key: rng.normal(size=shape).astype(dtype) for key, shape in SHAPES.items()}


def copied(arrays):
    return {key: array.copy() for key, array in arrays.items()}


def equal(arrays, others):
    assert list(arrays) == list(others)
    for key in arrays:
        np.testing.assert_array_equal(arrays[key], others[key], err_msg=str(key))


def everything(fast):
    """All that a step changes, copied."""
    return copy.deepcopy((fast.parameters, tuple(fast.state)))


@pytest.fixture(params=[0, 10**9], ids=["apart", "together"])
def joined(request, monkeypatch):
    """Gradients of several arrays, each moved by itself or all copied into one."""
    monkeypatch.setattr(optimizer, "WORTH_A_CALL", request.param)
    return request.param > 0


# ------------------------------------------------------------------- containers


@every_engine
@every_rule
@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (2, 1, 3), (0, 4)])
def test_an_array_of_any_shape_is_changed_where_it_stands(name, engine, shape):
    opt, rng = OPTIMIZERS[name](), np.random.default_rng(3)
    x, g = rng.normal(size=shape), rng.normal(size=shape)
    expected, after = opt.step(x, g, opt.init(x))
    fast = Fused(opt, x, engine=engine)
    assert fast.step(g) is None
    assert fast.parameters is x
    np.testing.assert_allclose(x, expected, rtol=1e-14)
    for value, wanted in zip(fast.state, after):
        np.testing.assert_array_equal(value, wanted)
        assert np.shape(value) == np.shape(wanted)


@every_precision
@every_engine
@every_rule
def test_a_dict_of_arrays_is_its_arrays_one_by_one(name, engine, dtype, joined):
    opt, given, gradient = OPTIMIZERS[name](), several(0, dtype), several(1, dtype)
    before = copied(given)
    fast = Fused(opt, given, engine=engine)
    alone = {key: Fused(opt, array.copy(), engine=engine) for key, array in given.items()}
    for _ in range(3):
        # The order of the keys is the parameters', whatever the gradient's is.
        fast.step(dict(reversed(gradient.items())))
        for key, single in alone.items():
            single.step(gradient[key])
    equal(given, before)
    assert type(fast.parameters) is dict
    equal(fast.parameters, {key: single.parameters for key, single in alone.items()})
    for field in type(fast.state)._fields[1:]:
        value = getattr(fast.state, field)
        if field != "mu_product":
            equal(value, {key: getattr(single.state, field) for key, single in alone.items()})


@every_engine
@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_of_arrays_is_a_list(kind, engine, joined):
    given, gradient = list(several(0).values()), list(several(1).values())
    fast = Fused(Adam(), kind(given), engine=engine)
    other = Fused(Adam(), dict(enumerate(given)), engine=engine)
    fast.step(kind(gradient))
    other.step(dict(enumerate(gradient)))
    assert type(fast.parameters) is list
    assert type(fast.state.m) is list
    equal(dict(enumerate(fast.parameters)), other.parameters)
    equal(dict(enumerate(fast.state.v)), other.state.v)
    equal(dict(enumerate(given)), dict(enumerate(several(0).values())))


@every_engine
def test_several_arrays_of_one_are_not_an_array(engine):
    for given in ([np.ones(2)], {None: np.ones(2)}):
        fast = Fused(Adam(0.1), given, engine=engine)
        fast.step(type(given)(given))
        (moved,) = fast.parameters.values() if type(given) is dict else fast.parameters
        np.testing.assert_allclose(moved, 0.9, rtol=1e-7)


@every_engine
def test_the_parameters_may_be_written_to_between_steps(engine):
    fast = Fused(Adam(0.1), several(), engine=engine)
    fast.parameters["weights"][...] = 5.0
    fast.step(several(1))
    np.testing.assert_allclose(np.abs(fast.parameters["weights"] - 5.0), 0.1, rtol=1e-5)


@every_engine
@every_rule
def test_the_gradient_is_not_changed_however_it_lies_in_memory(name, engine):
    g = np.random.default_rng(4).normal(size=(6, 5))
    wide = np.zeros((12, 15))
    wide[::2, ::3] = g
    raw = np.zeros(g.nbytes + 1, np.uint8)
    odd = raw[1:].view(float).reshape(g.shape)  # at an address that is no multiple of eight
    odd[...] = g
    fixed = g.copy()
    fixed.flags.writeable = False
    x = np.ones((6, 5))
    Fused(OPTIMIZERS[name](), x, engine=engine).step(g)
    flat = np.ones(30)
    Fused(OPTIMIZERS[name](), flat, engine=engine).step(np.repeat(g, 2)[::2])
    np.testing.assert_array_equal(flat.reshape(6, 5), x)
    views = (np.asfortranarray(g), wide[::2, ::3], g[::-1].copy()[::-1], odd, fixed)
    for view in views:
        np.testing.assert_array_equal(view, g)
        moved = np.ones((6, 5))
        Fused(OPTIMIZERS[name](), moved, engine=engine).step(view)
        np.testing.assert_array_equal(moved, x)
        np.testing.assert_array_equal(view, g)
    shared = np.ones((6, 5))
    Fused(OPTIMIZERS[name](), shared, engine=engine).step(np.broadcast_to(1.0, (6, 5)))
    assert len(set(shared.ravel().tolist())) == 1


@every_precision
@every_engine
@every_rule
def test_small_gradients_that_are_copied_together_move_the_same(name, engine, dtype, monkeypatch):
    gradient, runs = several(1, dtype), []
    gradient["weights"] = np.asfortranarray(gradient["weights"])
    before = copied(gradient)
    for worth in (0, 10**9):
        monkeypatch.setattr(optimizer, "WORTH_A_CALL", worth)
        runs.append(Fused(OPTIMIZERS[name](0.1), several(0, dtype), engine=engine))
        for _ in range(3):
            runs[-1].step(gradient)
    assert pickle.dumps(everything(runs[0])) == pickle.dumps(everything(runs[1]))
    equal(gradient, before)


@every_engine
@every_rule
def test_a_gradient_may_be_other_parameters(name, engine, joined):
    # The gradients of Σ x y, and of the same where x and y lie in one array.
    given, opt = {"x": np.linspace(5, 6, 12), "y": np.linspace(7, 9, 12)}, OPTIMIZERS[name](0.1)
    pure, state = given, opt.init(given)
    fast = Fused(opt, given, engine=engine)
    whole = Fused(opt, np.concatenate([given["x"], given["y"][::-1]]), engine=engine)
    for _ in range(3):
        pure, state = opt.step(pure, {"x": pure["y"], "y": pure["x"]}, state)
        fast.step({"y": fast.parameters["x"], "x": fast.parameters["y"]})
        whole.step(whole.parameters[::-1])
    for key in ("x", "y"):
        np.testing.assert_allclose(fast.parameters[key], pure[key], rtol=1e-13)
    np.testing.assert_allclose(whole.parameters[:12], pure["x"], rtol=1e-13)
    np.testing.assert_allclose(whole.parameters[12:], pure["y"][::-1], rtol=1e-13)


def test_looking_for_a_gradient_adds_none_to_a_dict_that_would_make_it(joined):
    fast, made = Fused(Adam(), several()), defaultdict(lambda: np.ones(3))
    made |= {key: value for key, value in several(1).items() if key != "bias"}
    with pytest.raises(ValueError, match=r"^gradients must have the keys of the"):
        fast.step(made)
    assert "bias" not in made


# ------------------------------------------------------------- the gradient buffer


@every_engine
def test_the_gradient_buffer_is_filled_in_place_and_begins_at_zero(engine):
    for given in (np.ones((2, 3)), [np.ones(2), np.ones((1, 2))], several()):
        fast = Fused(AdaGrad(0.1), copy.deepcopy(given), engine=engine)
        other = Fused(AdaGrad(0.1), copy.deepcopy(given), engine=engine)
        buffer = fast.gradients
        assert fast.gradients is buffer, "made once"
        if isinstance(given, np.ndarray):
            parts, shapes, gradient = [buffer], [given.shape], np.full(given.shape, 2.0)
        elif isinstance(given, dict):
            parts, shapes = list(buffer.values()), list(SHAPES.values())
            gradient = {key: np.full(shape, 2.0) for key, shape in SHAPES.items()}
        else:
            parts, shapes = list(buffer), [(2,), (1, 2)]
            gradient = [np.full(shape, 2.0) for shape in shapes]
        assert [part.shape for part in parts] == shapes
        assert all((part == 0).all() for part in parts)
        for part in parts:
            part[...] = 2.0
        fast.step()
        other.step(gradient)
        fast.step(fast.gradients)
        other.step(gradient)
        assert pickle.dumps(everything(fast)) == pickle.dumps(everything(other))
        assert all((part == 2.0).all() for part in parts)


@every_engine
def test_an_array_in_the_place_of_the_buffers_is_refused_rather_than_not_looked_at(engine):
    fast = Fused(Adam(), several(), engine=engine)
    with pytest.raises(TypeError, match="does not support item assignment"):
        fast.gradients["bias"] = np.ones(3)
    with pytest.raises(TypeError, match="does not support item assignment"):
        Fused(Adam(), [np.ones(2)], engine=engine).gradients[0] = np.ones(2)
    with pytest.raises(AttributeError):
        fast.gradients = several()


def test_a_read_only_dict_is_a_gradient_too():
    one, other = Fused(Adam(), several()), Fused(Adam(), several())
    one.step(several(1))
    other.step(MappingProxyType(several(1)))
    equal(one.parameters, other.parameters)


# ---------------------------------------------------------------------- the state


@every_engine
@every_rule
def test_the_state_is_views_that_cannot_be_written_to(name, engine):
    for given in (np.ones(3), [np.ones(3), np.ones(1)], several()):
        fast = Fused(OPTIMIZERS[name](), given, engine=engine)
        state = fast.state
        assert type(state) is OPTIMIZERS[name].State
        assert (state.t, type(state.t)) == (0, int)
        for field in set(state._fields) - {"t", "mu_product"}:
            value = getattr(state, field)
            parts = {list: list, dict: lambda d: list(d.values())}.get(type(value), lambda a: [a])
            for part in parts(value):
                with pytest.raises(ValueError, match="read-only"):
                    part[...] = 1.0
        before = copy.deepcopy(tuple(state))
        fast.step(copy.deepcopy(given))
        for field, old in zip(state._fields[1:], before[1:]):
            if field in ("m", "v", "u", "v_max") and type(old) is np.ndarray:
                assert (getattr(state, field) != old).all(), "the view follows"
        assert (state.t, fast.state.t) == (0, 1)


@every_rule
def test_the_state_of_a_dict_goes_from_the_pure_rule_to_fused_and_back(name):
    opt, x, g = OPTIMIZERS[name](), several(0), several(1)
    pure, state = opt.step(x, g, opt.init(x))
    fast = Fused(opt, pure, state=state)
    pure, state = opt.step(pure, g, state)
    fast.step(g)
    again, after = opt.step(fast.parameters, g, fast.state)
    pure, state = opt.step(pure, g, state)
    for key in SHAPES:
        np.testing.assert_allclose(again[key], pure[key], rtol=1e-12)
    for value, wanted in zip(after, state):
        equal(value, wanted) if isinstance(value, dict) else np.testing.assert_equal(value, wanted)


def test_the_arrays_of_a_state_are_found_by_their_keys():
    state = Adam().init(several())._replace(m=several(2), v=dict(reversed(several(3).items())))
    fast = Fused(Adam(), several(), state=state)
    equal(fast.state.m, several(2))
    equal(fast.state.v, several(3))


@every_engine
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))])
def test_a_copy_moves_its_own_parameters_and_nothing_else(engine, duplicate):
    for given, g in ((np.ones(5), np.ones(5)), (several(0), several(1))):
        fast = Fused(NAdam(0.1), given, engine=engine, threads=2)
        fast.step(g)
        before, other = everything(fast), duplicate(fast)
        assert repr(other) == repr(fast)
        assert (other.threads, other.engine) == (2, engine)
        other.step(g)
        assert pickle.dumps(everything(fast)) == pickle.dumps(before)
        fast.step(g)
        assert pickle.dumps(everything(fast)) == pickle.dumps(everything(other))


def test_the_text_says_which_rule_how_many_and_how_far():
    fast = Fused(Adam(0.1), np.ones((40, 50), np.float32), engine="numpy")
    fast.step(np.ones((40, 50), np.float32))
    assert repr(fast) == f"<Fused {Adam(0.1)}: 2,000 parameters of float32, numpy, step 1>"
    assert "1 parameter of float64, numba, step 0" in repr(Fused(Adam(), np.ones(1)))


# ---------------------------------------------------------------------- refusals


class Foreign(Optimizer):
    """A rule that is not the package's."""

    State = AdamState


class Own(Adam):
    """A rule of a reader's own, below one of the package's."""


Lookalike = type("Adam", (Adam,), {})
FIXED = np.ones(3)
FIXED.flags.writeable = False


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"optimizer": "Adam"}, r"^optimizer must be an Optimizer such as Adam\(\), got 'Adam'"),
        ({"optimizer": Adam}, r"^optimizer must be an Optimizer such as Adam\(\), got <class"),
        ({"optimizer": Foreign()}, r"^optimizer must be one of .*Adam.*, got Foreign\(\)"),
        ({"optimizer": Own(0.3)}, r"^optimizer must be one of .*, got Own\(learning_rate=0.3"),
        ({"optimizer": Lookalike(0.3)}, r"^optimizer must be one of .*, got Adam\(learn.*=0.3"),
        (
            {"optimizer": Adam(beta1=[0.1, 0.2, 0.3])},
            r"^beta1 must be a number for a fused step, got an array of shape \(3,\); `sweep`",
        ),
        ({"threads": 0}, "^threads must be a whole number of at least 1, got 0"),
        ({"threads": 2.0}, "^threads must be .* got 2.0"),
        ({"threads": True}, "^threads must be .* got True"),
        ({"engine": "x"}, '^engine must be "numba", "numpy" or None, got \'x\''),
        ({"engine": np}, '^engine must be "numba", "numpy" or None, got <module'),
        ({"parameters": 1.0}, "^parameters must be an array, or a list or dict .*, got 1.0"),
        ({"parameters": "x"}, "^parameters must be an array, or a list or dict .*, got 'x'"),
        ({"parameters": []}, r"^parameters must hold at least one array, got \[\]"),
        ({"parameters": {}}, r"^parameters must hold at least one array, got \{\}"),
        ({"parameters": [1.0, 2.0]}, r"^parameters\[0\] must be an array, .* got 1.0"),
        ({"parameters": {"a": FIXED, "b": 2.0}}, r"^parameters\['b'\] must be an array, .* 2.0"),
        ({"parameters": np.ones(3, int)}, "^parameters must be of float32 or float64, got int64"),
        ({"parameters": np.ones(3, "f2")}, "^parameters must be of float32 .*, got float16"),
        ({"parameters": np.ones(3, complex)}, "^parameters must be of .*, got complex128"),
        ({"parameters": np.ones(3, ">f8")}, "^parameters must be of float32 .*, got >f8"),
        ({"parameters": {"b": np.ones(1, bool)}}, r"^parameters\['b'\] must be of .*, got bool"),
        (
            {"parameters": [np.ones(1), np.ones(1, np.float32)]},
            r"^parameters must be of one precision, got \['float32', 'float64'\]",
        ),
        ({"parameters": FIXED}, r"^parameters must be contiguous and writeable.*\(3,\).*read-only"),
        (
            {"parameters": np.ones((3, 4))[:, ::2]},
            r"^parameters must be contiguous and .* shape \(3, 2\) with strides \(32, 16\)$",
        ),
        ({"parameters": np.ones((2, 3)).T}, r"^parameters must be contiguous .* \(3, 2\) with"),
        ({"state": 3}, "^state must be the AdamState of Adam, got int"),
        (
            {"state": OPTIMIZERS["AdaMax"]().init(np.ones(3))},
            "^state must be the AdamState of Adam, got AdaMaxState",
        ),
        ({"state": Adam().init(np.ones(2))}, r"^state.m must have the keys .*\(3,\).*\(2,\)"),
        ({"state": Adam().init({"a": np.ones(3)})}, r"^state.m must be made of real numbers, got"),
        (
            {"state": Adam().init({"a": np.ones(3)}), "parameters": {"b": np.ones(3)}},
            r"^state.m must have the keys .*'b': \(3,\).*, got .*'a': \(3,\)",
        ),
        ({"state": AdamState(0, np.ones(3), 1.0)}, r"^state.v must have the keys .*, got .*\(\)"),
        ({"state": AdamState(0, FIXED * 1j, FIXED)}, r"^state.m must be made of real numbers"),
        ({"state": AdamState(0, FIXED, ["a", "b", "c"])}, r"^state.v must be made of .*'a', 'b'"),
        ({"state": AdamState(0, [[1], [1, 2]], FIXED)}, r"^state.m must be made of .*\[\[1\], "),
        (
            {"state": AdamState(0, 1.0, 1.0), "parameters": [np.ones(())]},
            r"^state.m must be made of real numbers, got 1.0",
        ),
        ({"state": AdamState(-1, FIXED, FIXED)}, "^state.t must be a whole .* at least 0, got -1"),
        ({"state": AdamState(1.5, FIXED, FIXED)}, "^state.t must be a whole number .*, got 1.5"),
        (
            {"optimizer": NAdam(), "state": NAdam().init(FIXED)._replace(mu_product=FIXED)},
            r"^state.mu_product must be a number, got array\(\[1., 1., 1.\]\)",
        ),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_stepped_is_refused_by_name(arguments, match):
    arguments = {"optimizer": Adam(), "parameters": np.ones(3)} | arguments
    with pytest.raises(ValueError, match=match):
        Fused(arguments.pop("optimizer"), arguments.pop("parameters"), **arguments)


ONE, SEVERAL = np.ones((2, 3)), {"a": np.ones(2), "b": np.ones((2, 2))}


@every_engine
@pytest.mark.parametrize(
    ("parameters", "gradients", "match"),
    [
        (ONE, None, "^gradients must be given, as nothing was put into `gradients`"),
        (ONE, np.ones((3, 2)), r"^gradients has shape \(3, 2\), its parameters .* \(2, 3\)"),
        (ONE, np.ones(6), r"^gradients has shape \(6,\), its parameters have shape \(2, 3\)"),
        (ONE, np.ones(()), r"^gradients has shape \(\), its parameters have shape \(2, 3\)"),
        (ONE, np.ones((2, 3), np.float32), "^gradients must be of .*float64, got float32"),
        (ONE, np.ones((2, 3), int), "^gradients must be of the parameters' float64, got int64"),
        (ONE, 1.0, "^gradients must be an array, or a list or dict of arrays, got 1.0"),
        (ONE, [np.ones((2, 3))], "^gradients must be an array, as the parameters .* a list"),
        (ONE, {None: np.ones((2, 3))}, "^gradients must be an array, .*, got a dict"),
        (SEVERAL, np.ones(6), "^gradients must be a dict, as the parameters are, got an array"),
        (SEVERAL, [np.ones(2)], "^gradients must be a dict, as the parameters are, got a list"),
        (SEVERAL, {"a": np.ones(2)}, r"^gradients must have the keys .*'a', 'b'\], got \['a'\]"),
        (SEVERAL, SEVERAL | {"c": ONE}, r"^gradients must have .*got \['a', 'b', 'c'\]"),
        (SEVERAL, {"a": np.ones(2), "c": ONE}, r"^gradients must have the .*got \['a', 'c'\]"),
        (SEVERAL, SEVERAL | {"b": np.ones(4)}, r"^gradients\['b'\] has shape \(4,\), .*\(2, 2\)"),
        (SEVERAL, SEVERAL | {"b": None}, r"^gradients\['b'\] must be an array, .* got None"),
        (SEVERAL, {k: np.ones(2, np.float32) for k in "ab"}, r"^gradients\['a'\] must be of the"),
        (SEVERAL, SEVERAL | {"b": np.ones((2, 2), "f4")}, "^gradients must be of one precision"),
        ([ONE], 1.0, "^gradients must be an array, or a list or dict of arrays, got 1.0"),
        ([ONE], {0: ONE}, "^gradients must be a list, as the parameters are, got a dict"),
        ([ONE, ONE], [ONE], r"^gradients must have the keys .* \[0, 1\], got \[0\]"),
    ],
)
def test_a_gradient_that_does_not_fit_is_refused_and_nothing_has_moved(
    engine, parameters, gradients, match, joined
):
    fast = Fused(NAdam(), copy.deepcopy(parameters), engine=engine)
    fast.step(copy.deepcopy(parameters))
    before = pickle.dumps(everything(fast))
    with pytest.raises(ValueError, match=match):
        fast.step(gradients)
    assert pickle.dumps(everything(fast)) == before


@every_engine
@pytest.mark.parametrize(
    ("other", "match"),
    [
        (AdamW(), r"^optimizer must stay of the rule Adam, to which .*, got AdamW\("),
        (Own(), r"^optimizer must stay of the rule Adam, .* got Own\("),
        (Adam, "^optimizer must stay of the rule Adam, .* got <class"),
        (Adam(beta2=[0.1, 0.2]), r"^beta2 must be a number .* got an array of shape \(2,\)"),
    ],
)
def test_another_rule_cannot_take_over(engine, other, match):
    fast = Fused(Adam(), np.ones(2), engine=engine)
    with pytest.raises(ValueError, match=match):
        fast.optimizer = other
    assert fast.optimizer == Adam()
    fast.optimizer = Adam(0.5)
    fast.step(np.ones(2))
    np.testing.assert_allclose(fast.parameters, 0.5, rtol=1e-7)


def test_a_refused_state_leaves_the_parameters_as_they_were():
    x = np.ones(3)
    with pytest.raises(ValueError, match=r"^state\.v"):
        Fused(Adam(), x, state=AdamState(4, np.full(3, 2.0), np.ones(2)))
    assert x.tolist() == [1.0, 1.0, 1.0]
