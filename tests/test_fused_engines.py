"""The engines of `Fused`: which is taken, what they allocate, and how they share out a step.

None of them allocates while it steps, however many parameters there are; none leaves a
thread at work on what its caller has back.
"""

import copy
import pickle
import threading
import time
import tracemalloc
import warnings

import numpy as np
import pytest

from adam_course import OPTIMIZERS, Adam
from adam_course.fused import Fused, memory, optimizer

every_rule = pytest.mark.parametrize("name", OPTIMIZERS)
every_engine = pytest.mark.parametrize("engine", ["numba", "numpy"])
every_precision = pytest.mark.parametrize("dtype", [np.float64, np.float32])

# ------------------------------------------------------------------ which is taken


@pytest.fixture
def without_numba(monkeypatch):
    monkeypatch.setattr(optimizer, "find_spec", lambda name: None)


def test_numba_is_taken_where_it_is_installed_and_numpy_where_it_is_meant():
    assert Fused(Adam(), np.ones(2)).engine == "numba"
    assert Fused(Adam(), np.ones(2), engine="numba").engine == "numba"
    assert Fused(Adam(), np.ones(2), engine="numpy").engine == "numpy"


def test_without_numba_there_is_numpy_and_a_warning_at_the_line_that_asked(without_numba):
    note = r'^numba is not installed: Fused works in NumPy\'s blocks, .*\(engine="numpy" says'
    with pytest.warns(RuntimeWarning, match=note) as told:
        fast = Fused(Adam(0.1), np.ones(2))
    assert told[0].filename == __file__
    assert fast.engine == "numpy"
    fast.step(np.ones(2))
    np.testing.assert_allclose(fast.parameters, 0.9, rtol=1e-7)


def test_without_numba_it_is_refused_to_those_who_ask_for_it(without_numba):
    with pytest.raises(ValueError, match=r'^engine="numba" needs numba: pip install numba$'):
        Fused(Adam(), np.ones(2), engine="numba")


def test_without_numba_those_who_mean_numpy_are_told_nothing(without_numba):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        Fused(Adam(), np.ones(2), engine="numpy").step(np.ones(2))
    assert told == []


@every_rule
def test_the_engine_is_the_one_that_was_asked_for(name, monkeypatch):
    """Each has its own functions: what one of them does is not done by the other."""
    from adam_course.fused.loops import LOOPS

    used = []
    monkeypatch.setitem(LOOPS, name, lambda *arguments: used.append("numba"))
    monkeypatch.setitem(optimizer.BLOCKS, name, lambda *arguments: used.append("numpy"))
    for engine in ("numba", "numpy"):
        Fused(OPTIMIZERS[name](), np.ones(2), engine=engine).step(np.ones(2))
    assert used == ["numba", "numpy"]


# ---------------------------------------------------------------------- allocation

SMALL, LARGE = 10**4, 10**6
SLACK = 32_768  # Python's own objects: less than any of the arrays


def peak_of(function):
    """The most bytes that were held at once in a call, above what was held before it."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def test_the_measure_sees_what_numpy_allocates():
    x = np.ones(SMALL)
    assert peak_of(lambda: x + x) >= x.nbytes


@every_engine
@every_rule
def test_a_step_allocates_nothing_that_grows_with_the_parameters(name, engine):
    peaks = []
    for size in (SMALL, LARGE):
        fast, g = Fused(OPTIMIZERS[name](), np.ones(size), engine=engine), np.ones(size)
        fast.step(g)
        peaks.append(peak_of(lambda fast=fast, g=g: fast.step(g)))
    # Views and Python's own numbers: the same for all sizes, but for the loop over blocks.
    assert max(peaks) < 4096
    assert abs(peaks[1] - peaks[0]) < 1024


@every_engine
def test_a_step_of_many_arrays_copies_no_gradient(engine):
    given = {key: np.ones((100, 1000)) for key in range(3)}
    fast, own = Fused(Adam(), given, engine=engine), Fused(Adam(), given, engine=engine)
    fast.step(given)
    own.gradients[0][...] = 1.0
    own.step()
    assert peak_of(lambda: fast.step(given)) < 8192
    assert peak_of(own.step) < 4096


def held_by(make):
    """The bytes that an object holds on to."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        made = make()
        after, _ = tracemalloc.get_traced_memory()
        assert made is not None
        return after - before
    finally:
        tracemalloc.stop()


@every_precision
@every_rule
def test_it_holds_its_state_and_in_numpy_a_block_of_scratch_for_each_thread(name, dtype):
    x = np.ones(LARGE // 2, dtype)
    arrays = len(set(OPTIMIZERS[name].State._fields) - {"t", "mu_product"})
    Fused(OPTIMIZERS[name](), x)  # so that all is loaded
    block = optimizer.BLOCK * x.itemsize
    for options, blocks in (
        ({"engine": "numba", "threads": 3}, 0),
        ({"engine": "numpy"}, 1),
        ({"engine": "numpy", "threads": 3}, 3),
    ):
        held = held_by(lambda options=options: Fused(OPTIMIZERS[name](), x, **options))
        assert held == pytest.approx(arrays * x.nbytes + blocks * block, abs=SLACK)


def test_several_arrays_are_copied_once_and_the_gradient_has_its_place_at_first_use():
    given = [np.ones(SMALL), np.ones((10, SMALL))]
    size = sum(array.nbytes for array in given)
    made = []
    held = held_by(lambda: made.append(Fused(Adam(), given)) or made)
    assert held == pytest.approx(3 * size, abs=SLACK)
    assert held_by(lambda: made[0].gradients) == pytest.approx(size, abs=SLACK)


@every_precision
@every_rule
def test_the_arrays_begin_at_whole_lines_of_the_cache(name, dtype):
    # NumPy's own begin at 16 bytes, and so by chance at 64 in one of four.
    for size in range(1, 60):
        fast = Fused(OPTIMIZERS[name](), np.ones(size, dtype))
        apart = Fused(OPTIMIZERS[name](), [np.ones(size, dtype)])
        arrays = [fast.gradients, apart.parameters[0], apart.gradients[0]]
        arrays += [value for value in fast.state if isinstance(value, np.ndarray)]
        arrays += [value[0] for value in apart.state if isinstance(value, list)]
        assert all(array.ctypes.data % 64 == 0 for array in arrays)
    assert memory.ALIGNMENT == 64


def offset(array):
    """How far into the memory that it was given an array begins."""
    root = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    return array.ctypes.data - root.ctypes.data


@every_precision
def test_no_two_buffers_begin_at_one_place_in_a_page(dtype):
    # What is read from one would look like what was just written to another.
    fast = Fused(OPTIMIZERS["AMSGrad"](), [np.ones(9, dtype)])
    arrays = [fast.parameters[0], *(field[0] for field in fast.state[1:]), fast.gradients[0]]
    places = [offset(array) // memory.STAGGER for array in arrays]
    assert places == [0, 1, 2, 3, 4]
    assert memory.STAGGER % memory.ALIGNMENT == 0
    assert len({place * memory.STAGGER % 4096 for place in places}) == 5


@every_engine
def test_gradients_that_are_copied_together_have_their_place_from_the_first_step_on(engine):
    given = {key: np.ones((50, 100)) for key in range(20)}
    fast = Fused(Adam(), given, engine=engine)
    assert len(given) * optimizer.WORTH_A_CALL > 100_000
    assert peak_of(lambda: fast.step(given)) > 20 * 5000 * 8
    assert peak_of(lambda: fast.step(given)) < 8192


# ------------------------------------------------------------------------- threads


@pytest.fixture
def small_slices(monkeypatch):
    monkeypatch.setattr(optimizer, "WORTH_A_THREAD", 100)
    monkeypatch.setattr(optimizer, "WORTH_A_CALL", 0)  # each array by itself


class Watched:
    """The kernel of a run, and which thread did what with it."""

    def __init__(self, fast):
        self.kernel, self.calls = fast._kernel, []
        fast._kernel = self

    def __call__(self, x, g, *rest):
        self.calls.append((threading.current_thread(), x, g, rest))
        self.kernel(x, g, *rest)


@every_precision
@every_engine
def test_each_thread_takes_a_slice_and_no_two_share_a_line_of_the_cache(
    engine, dtype, small_slices
):
    x = memory.aligned(1003, dtype)
    x[...] = np.arange(1003)
    fast = Fused(Adam(), x, engine=engine, threads=3)
    watched, g = Watched(fast), np.ones(1003, dtype)
    fast.step(g)
    calls = sorted(watched.calls, key=lambda call: call[1].ctypes.data)
    assert sum(call[0] is threading.main_thread() for call in calls) == 1
    assert len(calls) == 3
    assert sum(part.size for _, part, *_ in calls) == 1003
    ends = x.ctypes.data
    for _, part, slope, (m, v, *numbers) in calls:
        assert part.ctypes.data == ends, "one begins where the other ends"
        assert part.ctypes.data % 64 == m.ctypes.data % 64 == v.ctypes.data % 64 == 0
        assert slope.ctypes.data - g.ctypes.data == part.ctypes.data - x.ctypes.data
        assert part.size == slope.size == m.size == v.size
        assert abs(part.size - 1003 / 3) <= 16
        assert all(isinstance(number, float) for number in numbers)
        ends += part.nbytes
    assert ends == x.ctypes.data + x.nbytes


@pytest.mark.parametrize(
    ("size", "threads", "taken"),
    [(99, 3, 1), (100, 3, 1), (199, 3, 1), (200, 3, 2), (299, 3, 2), (300, 3, 3), (999, 2, 2)],
)
def test_a_thread_is_woken_only_where_it_is_worth_it(size, threads, taken, small_slices):
    fast = Fused(Adam(), np.ones(size), threads=threads)
    watched = Watched(fast)
    fast.step(np.ones(size))
    assert len(watched.calls) == taken


@every_engine
def test_each_array_of_several_is_shared_out_by_itself(engine, small_slices):
    given = {"large": np.ones((40, 10)), "small": np.ones(30), "middle": np.ones(250)}
    fast = Fused(Adam(), given, engine=engine, threads=2)
    watched = Watched(fast)
    fast.step(given)
    assert sorted(call[1].size for call in watched.calls) == [30, 120, 130, 200, 200]
    alone = Fused(Adam(), given, engine=engine)
    alone.step(given)
    assert pickle.dumps(alone.parameters) == pickle.dumps(fast.parameters)


@every_engine
@pytest.mark.parametrize("where", ["main", "other"])
def test_what_a_thread_raises_comes_out_and_the_step_does_not_count(engine, where, small_slices):
    fast = Fused(Adam(), np.ones(1000), engine=engine, threads=3)
    kernel = fast._kernel

    def broken(*arguments):
        if (threading.current_thread() is threading.main_thread()) == (where == "main"):
            raise FloatingPointError("nothing left")
        kernel(*arguments)

    fast._kernel = broken
    with pytest.raises(FloatingPointError, match="nothing left"):
        fast.step(np.ones(1000))
    assert fast.state.t == 0
    fast._kernel = kernel
    fast.step(np.ones(1000))
    assert fast.state.t == 1


@pytest.mark.parametrize("failing", ["kernel", "submit"])
def test_no_thread_is_at_work_on_x_when_an_error_comes_out(failing, small_slices, monkeypatch):
    fast, ended, begun = Fused(Adam(), np.ones(1000), threads=3), [], threading.Semaphore(0)

    def slow(x, *arguments):
        if threading.current_thread() is threading.main_thread():
            begun.acquire()
            raise KeyboardInterrupt
        begun.release()
        time.sleep(0.05)
        ended.append(x.size)

    fast.step(np.ones(1000))
    fast._kernel = slow
    if failing == "submit":
        submit, left = fast._pool.submit, [1]

        def submit_once(*call):
            if not left:
                begun.acquire()
                raise RuntimeError("can't start new thread")
            left.pop()
            return submit(*call)

        monkeypatch.setattr(fast._pool, "submit", submit_once)
    with pytest.raises(RuntimeError if failing == "submit" else KeyboardInterrupt):
        fast.step(np.ones(1000))
    assert len(ended) == (1 if failing == "submit" else 2)
    assert fast.state.t == 1


def test_the_scratch_comes_back_after_an_error(monkeypatch):
    fast = Fused(Adam(), np.ones(10), engine="numpy")
    rule = fast._kernel.rule

    def broken(*arguments):
        raise FloatingPointError

    fast._kernel.rule = broken
    for _ in range(3):
        with pytest.raises(FloatingPointError):
            fast.step(np.ones(10))
    fast._kernel.rule = rule
    fast.step(np.ones(10))
    assert fast.state.t == 1


def test_runs_in_threads_of_ones_own_do_not_disturb_each_other():
    def go(k, done):
        fast = Fused(Adam(0.1), np.full(5000, float(k)), engine="numpy")
        for _ in range(20):
            fast.step(fast.parameters)
        done[k] = copy.deepcopy(fast.parameters)

    together, alone = {}, {}
    threads = [threading.Thread(target=go, args=(k, together)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(4):
        go(k, alone)
        np.testing.assert_array_equal(together[k], alone[k])
