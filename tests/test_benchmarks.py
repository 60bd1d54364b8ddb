"""The benchmarks' own arithmetic, on made-up times: nothing here is timed.

What they compare must be the same computation, what they report must be what was measured,
and a ratio that has become worse must be a failure.
"""

import contextlib
import json
import os
import statistics
import time
from dataclasses import asdict, replace

import numpy as np
import pytest

from adam_course import Adam
from benchmarks import imports, regress, steps, sweeps, timing
from benchmarks.timing import Finding, in_turn, least_of, quartiles, ratio, seconds

# ---------------------------------------------------------------------- findings


class TestFindings:
    def test_quartiles_are_those_of_the_values(self):
        assert quartiles([5, 1, 4, 2, 3]) == (2, 3, 4)
        assert quartiles([1, 2]) == (1.25, 1.5, 1.75)
        assert quartiles([7]) == (7, 7, 7)

    def test_quartiles_agree_with_numpy(self):
        values = np.random.default_rng(0).lognormal(size=31)
        assert quartiles(list(values)) == pytest.approx(np.quantile(values, [0.25, 0.5, 0.75]))

    def test_a_ratio_is_taken_round_by_round(self):
        """A machine that becomes ten times slower half way through changes no ratio."""
        found = ratio("a / b", [2, 2, 20, 20], [1, 1, 10, 10])
        assert (found.low, found.median, found.high, found.least) == (2, 2, 2, 2)
        assert found.rounds == 4
        assert found.unit == ""

    def test_the_ratio_of_leasts_is_that_of_the_least_times(self):
        found = ratio("a / b", [6, 3, 8], [1, 4, 2])
        assert found.least == 3 / 1
        assert found.median == 4

    @pytest.mark.parametrize(("times", "base"), [([1, 2], [1]), ([], [])])
    def test_a_ratio_needs_as_many_rounds_of_both(self, times, base):
        with pytest.raises(ValueError, match=f"got {len(times)} and {len(base)} for 'a / b'"):
            ratio("a / b", times, base)

    def test_seconds_are_told_apart_from_ratios(self):
        found = seconds("import", [0.3, 0.1, 0.2], goal=0.15)
        assert (found.median, found.least, found.unit) == (0.2, 0.1, "s")

    @pytest.mark.parametrize(
        ("median", "least", "verdict"),
        [(1.1, 1.0, "met"), (1.2, 1.1, "unclear"), (1.1, 1.2, "unclear"), (1.2, 1.11, "MISSED")],
    )
    def test_a_goal_is_met_when_median_and_least_keep_it(self, median, least, verdict):
        assert Finding("a", median, 1, 2, least, 3, goal=1.1).verdict == verdict

    def test_without_a_goal_there_is_no_verdict(self):
        assert Finding("a", 1, 1, 1, 1, 1).verdict == ""

    def test_the_spread_is_the_quartiles_distance_as_a_part_of_the_median(self):
        assert Finding("a", 2.0, 1.5, 2.5, 1, 9).spread == 0.5

    def test_the_table_says_what_was_found_and_what_was_wanted(self, capsys):
        timing.print_findings(
            "title",
            [ratio("a / b", [3, 3], [2, 2], 0.95), seconds("import", [0.02], 0.15)],
        )
        title, first, second = capsys.readouterr().out.split("\n", 1)[1].splitlines()
        assert title.split()[0] == "title"
        assert " ".join(first.split()) == "a / b 1.50 1.50 to 1.50 1.50 0.95 MISSED"
        assert " ".join(second.split()) == "import, ms 20.0 20.0 to 20.0 20.0 150 met"


# --------------------------------------------------------------------- measuring


class TestMeasuring:
    def test_tasks_take_turns(self):
        order = []
        tasks = {name: lambda name=name: order.append(name) or len(order) for name in "abc"}
        times = in_turn(tasks, 2)
        assert order == list("abcabc")
        assert times == {"a": [1, 4], "b": [2, 5], "c": [3, 6]}

    def test_the_least_of_the_repeats_counts_and_the_first_call_does_not(self):
        now, calls = [0.0], []

        def step():
            calls.append(now[0])
            # The first call takes no time at all, as if it were the fastest.
            now[0] += [0, 5, 7, 2, 3, 9, 9][len(calls) - 1]

        assert least_of(step, repeats=3, calls=2, clock=lambda: now[0]) == (2 + 3) / 2
        assert len(calls) == 7

    def test_what_comes_while_it_warms_up_is_not_timed(self, monkeypatch):
        now, calls = [100.0], []
        monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])

        def step():
            calls.append(now[0])
            now[0] += 1 if len(calls) <= 4 else 3

        assert least_of(step, 2, clock=lambda: now[0], warm=3.5) == 3
        assert len(calls) == 4 + 2

    def test_one_thread_is_measured_by_the_processors_time_and_two_on_the_wall(self):
        assert timing.clock_for(2) is time.perf_counter
        if os.name != "nt":
            assert timing.clock_for(1) is time.process_time

    def test_waiting_is_no_processors_time(self):
        assert least_of(lambda: time.sleep(0.05), 1, clock=timing.clock_for(2)) >= 0.04
        if os.name != "nt":
            assert least_of(lambda: time.sleep(0.05), 1, clock=timing.clock_for(1)) < 0.04


def told(number):
    """For another process: what it was told, as a measurement."""
    variables = tuple(os.environ[name] for name in timing.THREADS)
    return lambda: (number, variables, os.environ.get("SAID"), os.getpid())


def broken(when):
    """For another process: something that fails when it is made, or when it is measured."""

    def fail():
        if when == "dies":
            os._exit(3)
        raise ArithmeticError(f"failed when {when}")

    if when == "made":
        fail()
    return fail


class TestElsewhere:
    def test_each_has_a_process_of_its_own_and_its_number_of_threads(self):
        before = dict(os.environ)
        recipes = {
            "one": {"make": told, "arguments": (1,)},
            "two": {
                "make": told,
                "arguments": (2,),
                "threads": 2,
                "environment": {"SAID": "so"},
            },
        }
        with timing.processes(recipes) as tasks:
            first, again, second = tasks["one"](), tasks["one"](), tasks["two"]()
            children = [task._process for task in tasks.values()]
        assert first == again
        assert first[:3] == (1, ("1",) * len(timing.THREADS), None)
        assert second[:3] == (2, ("2",) * len(timing.THREADS), "so")
        assert len({first[3], second[3], os.getpid()}) == 3
        assert dict(os.environ) == before
        for child in children:
            with pytest.raises(ValueError, match="closed"):
                child.is_alive()

    def test_a_failure_there_is_an_error_here_that_says_which_and_why(self):
        with pytest.raises(RuntimeError, match=r"(?s)broken\('made',\).*failed when made"):
            timing.Elsewhere(broken, ("made",))
        there = timing.Elsewhere(broken, ("measured",))
        with pytest.raises(RuntimeError, match=r"(?s)broken.*failed when measured"):
            there()
        there.close()

    def test_a_process_that_dies_is_an_error_and_no_endless_wait(self):
        there = timing.Elsewhere(broken, ("dies",))
        with pytest.raises(RuntimeError, match="ended with exit status 3"):
            there()
        there.close()

    def test_rest_waits_until_the_processor_is_not_used(self, monkeypatch):
        used = iter([0, 0.005, 0.005, 0.010, 0.010, 0.010, 99])
        asked = []
        monkeypatch.setattr(
            timing.time, "process_time", lambda: asked.append(next(used)) or asked[-1]
        )
        timing._rest()
        assert asked == [0, 0.005, 0.005, 0.010, 0.010, 0.010]


# ------------------------------------------------------------ machine and options


class TestMachine:
    def test_it_names_processor_cores_and_versions(self):
        found = timing.machine()
        line = timing.machine_line(found)
        assert f"numpy {np.__version__}" in line
        assert found["cores"] == str(os.cpu_count())
        assert found["processor"]
        assert all(isinstance(value, str) for value in found.values())

    def test_what_is_not_installed_is_absent(self):
        assert timing._version("no-such-package-at-all") == "absent"

    def test_caches_are_read_where_linux_lists_them(self, tmp_path):
        for k, (level, kind, size) in enumerate(
            [("1", "Data", "48K"), ("1", "Instruction", "32K"), ("3", "Unified", "32768K")]
        ):
            place = tmp_path / f"index{k}"
            place.mkdir()
            for name, value in (("level", level), ("type", kind), ("size", size)):
                (place / name).write_text(value + "\n", encoding="utf-8")
        assert timing._caches(tmp_path) == "L1 48K L3 32768K"
        assert timing._caches(tmp_path / "nowhere") == ""

    def test_quick_means_fewer_rounds_unless_they_are_given(self):
        assert timing.options("", 30, 8, []).rounds == 30
        assert timing.options("", 30, 8, ["--quick"]).rounds == 8
        assert timing.options("", 30, 8, ["--quick", "--rounds", "3"]).rounds == 3
        with pytest.raises(SystemExit), contextlib.redirect_stderr(None):
            timing.options("", 30, 8, ["--rounds", "0"])


# ------------------------------------------------- what the benchmarks compare


class TestSteps:
    @pytest.mark.parametrize("precision", steps.PRECISIONS)
    @pytest.mark.parametrize("sizes", [(1000,), (50,) * 5])
    @pytest.mark.parametrize(
        "make",
        [
            steps.in_place,
            steps.blocks,
            steps.fused,
            steps.fused_separate,
            steps.torch_default,
            steps.torch_fused,
        ],
    )
    def test_all_take_the_steps_of_the_pure_rule(self, make, sizes, precision):
        if make is steps.in_place and len(sizes) > 1:
            pytest.skip("it is for one array")
        step, parameters = make(sizes, precision, 1)
        rule, (xs, gs) = Adam(), steps.numbers(sizes, precision)
        state = rule.init(xs)
        for _ in range(5):
            step()
            xs, state = rule.step(xs, gs, state)
        close = {"float32": 2e-6, "float64": 1e-13}[precision]
        for found, wanted in zip(parameters(), xs, strict=True):
            assert found.dtype == precision
            np.testing.assert_allclose(found, wanted, rtol=close, atol=close)

    def test_the_textbooks_form_is_the_pure_rule(self):
        step, parameters = steps.textbook((100,), "float64", 1)
        (x,), (g,) = steps.numbers((100,), "float64")
        step()
        wanted, _ = Adam().step(x, g, Adam().init(x))
        assert (parameters()[0] == wanted).all()

    @pytest.mark.parametrize("threads", [1, 2])
    def test_the_limit_goes_through_all_of_the_arrays(self, threads):
        step, parameters = steps.limit((1001,), "float64", threads)
        (x,), (g,) = steps.numbers((1001,), "float64")
        step()
        np.testing.assert_allclose(parameters()[0], x + steps.TIMES_OF_THE_LIMIT * g)

    def test_a_measurement_is_of_one_step(self, monkeypatch):
        """Also of the limit, which does several in one call."""
        monkeypatch.setattr(steps, "LARGE", 10)
        monkeypatch.setattr(steps, "least_of", lambda step, *rest, **more: 8.0)
        assert steps.measurement(steps.fused, (10,), "float32", 1)() == 8
        times = steps.TIMES_OF_THE_LIMIT
        assert steps.measurement(steps.limit, (10,), "float32", 1)() == 8 / times

    def test_the_bytes_of_a_form_are_counted(self):
        one, two = (np.ones(8).view(steps.Counted) for _ in range(2))
        before = steps.Counted.moved
        three = one + two
        three *= 2.0
        four = np.multiply(three, three)
        assert steps.Counted.moved - before == 8 * (3 + 2 + 2)
        assert np.asarray(four).tolist() == [16.0] * 8
        assert steps.items(steps.in_place) == 28
        assert steps.items(steps.textbook) == 32
        assert steps.items(steps.fused) == steps.items(steps.limit) == 7

    def test_the_findings_are_of_the_times_they_name(self, monkeypatch, capsys):
        """With made-up times, each configuration's its own, every ratio comes out right."""
        made_up = {name: k + 2.0 for k, name in enumerate({**steps.LADDER, **steps.AGAINST})}
        made_up |= {"separate": 50.0}
        monkeypatch.setattr(
            steps, "processes", lambda recipes: contextlib.nullcontext(dict.fromkeys(recipes))
        )
        monkeypatch.setattr(
            steps, "in_turn", lambda tasks, rounds: {name: [made_up[name]] * 2 for name in tasks}
        )
        asked = timing.options("", 2, 2, [])
        found = {f.name: f for f in steps.large("float32", asked) + steps.small("float32", asked)}
        torch_two = made_up["torch fused, two threads"]
        wanted = {
            "10 million, float32: fused / limit": ("fused", "limit", 1.1),
            "10 million, float32: fused / torch fused": ("fused", "torch fused", 0.95),
            "10 million, float32: NumPy in blocks / torch": ("NumPy, in blocks", "torch", 0.6),
            "1,000, float32: fused / torch fused": ("fused", "torch fused", 0.15),
            "200 x 50, float32: fused / torch fused": ("fused", "torch fused", 0.15),
            "200 x 50, float32, gradients apart: fused / torch fused": (
                *("separate", "torch fused", 0.15),
            ),
            "10 million, float32, two threads: fused / limit": (
                *("fused, two threads", "limit, two threads", 1.1),
            ),
        }
        for name, (one, other, goal) in wanted.items():
            assert found[name].median == made_up[one] / made_up[other], name
            assert found[name].goal == goal
        (last,) = found.keys() - wanted.keys()
        assert last == "10 million, float32, two threads: fused / torch fused"
        assert found[last].median == made_up["fused, two threads"] / torch_two
        assert "textbook" in capsys.readouterr().out

    def test_every_configuration_has_the_threads_that_it_names(self):
        made = steps.recipes({**steps.LADDER, **steps.AGAINST}, (steps.LARGE,), "float32")
        for name, recipe in made.items():
            threads = 2 if "two threads" in name else 1
            assert recipe["threads"] == recipe["arguments"][-1] == threads, name


class TestSweeps:
    def test_what_is_timed_are_the_same_numbers(self):
        """Groups of 200 settings that share a beta2, more than the engine has side by side."""
        fused, array = (sweeps.ours(engine, steps=60) for engine in ("fused", "array"))
        assert fused.shape == (200, 200)
        assert (fused == array).all()

    def test_far_is_relative_and_takes_infinities_for_equal(self):
        one = np.array([1.0, 1.0, 1e6, np.inf, np.inf, 1e-9, np.nan])
        other = np.array([1 + 5e-13, 1 + 5e-12, 1e6 + 5e-7, np.inf, 1.0, 0.0, 1.0])
        found = sweeps.far(one, other).tolist()
        assert found == [False, True, False, False, True, True, True]

    def test_different_numbers_are_no_benchmark(self, monkeypatch):
        monkeypatch.setattr(sweeps, "ours", lambda engine: np.full(3, engine == "fused"))
        with pytest.raises(SystemExit, match="differ in 3 of 3 cells"):
            sweeps.check_numbers(with_jax=False)

    def test_equal_numbers_are_said_to_be(self, monkeypatch, capsys):
        monkeypatch.setattr(sweeps, "ours", lambda engine: np.array([1.0, np.inf]))
        sweeps.check_numbers(with_jax=False)
        assert "equal in all 2 cells" in capsys.readouterr().out


class TestImports:
    def test_the_second_part_alone_is_timed(self):
        measure = imports.interpreter("import time; time.sleep(0.5)", "pass")
        assert 0 <= measure() < 0.3

    def test_bytecode_is_written_whatever_the_environment_says(self, monkeypatch):
        monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        imports.interpreter("import sys", "assert not sys.dont_write_bytecode")()

    def test_a_failure_says_what_failed(self):
        with pytest.raises(RuntimeError, match=r"(?s)import nothing_at_all.*ModuleNotFoundError"):
            imports.interpreter("", "import nothing_at_all")()


# ------------------------------------------------------------------- regressions

MACHINE = {**dict.fromkeys(regress.SAME, "some"), "Python": "3.11"}
MACHINE |= dict.fromkeys(timing.LIBRARIES, "1.0")
RATIO = Finding("a / b", 1.0, 0.99, 1.01, 0.98, 30)


def change(finding, factor):
    """The same finding, slower by this factor in all that was measured."""
    numbers = {name: getattr(finding, name) * factor for name in ("median", "low", "high", "least")}
    return replace(finding, **numbers)


@pytest.fixture
def compare(tmp_path, capsys):
    """A function that compares findings with what is stored; the exit status and the words."""
    stored = tmp_path / "ratios.json"

    def run(findings, *more, machine=MACHINE, quick=False):
        if not stored.exists() and "--store" not in more:
            regress.store(stored, MACHINE, [RATIO])
        file = tmp_path / "found.json"
        content = {"machine": machine, "quick": quick, "findings": list(map(asdict, findings))}
        file.write_text(json.dumps(content), encoding="utf-8")
        status = regress.main(["--read", str(file), "--stored", str(stored), *more])
        out = capsys.readouterr()
        return status, out.out + out.err

    run.stored = stored
    return run


class TestRegress:
    def test_what_is_as_before_is_no_failure(self, compare):
        status, said = compare([change(RATIO, 1.09)])
        assert status == 0
        assert "as before" in said
        assert "worse than stored: none" in said

    def test_a_ratio_that_is_worse_is_a_failure_with_its_name(self, compare):
        status, said = compare([change(RATIO, 1.12)])
        assert status == 1
        assert "worse than stored: a / b" in said
        assert "+12%" in said

    def test_a_ratio_that_is_better_is_said_and_is_no_failure(self, compare):
        status, said = compare([change(RATIO, 0.8)])
        assert status == 0
        assert "better" in said

    @pytest.mark.parametrize("name", ["median", "least"])
    def test_one_of_median_and_least_alone_is_noise(self, compare, name):
        worse = change(RATIO, 1.5)
        status, _ = compare([replace(RATIO, **{name: getattr(worse, name)})])
        assert status == 0

    @pytest.mark.parametrize("noisy", ["now", "then"])
    def test_a_wide_spread_now_or_then_widens_the_band(self, compare, noisy):
        wide = replace(RATIO, low=0.8, high=1.2)
        regress.store(compare.stored, MACHINE, [wide if noisy == "then" else RATIO])
        now = wide if noisy == "now" else RATIO
        assert compare([change(now, 1.3)])[0] == 0
        assert compare([change(now, 1.5)])[0] == 1

    def test_another_machine_widens_the_band(self, compare):
        other = {**MACHINE, "processor": "another"}
        status, said = compare([change(RATIO, 1.25)], machine=other)
        assert status == 0
        assert "Another machine" in said
        assert compare([change(RATIO, 1.35)], machine=other)[0] == 1
        assert "The same machine" in compare([RATIO])[1]

    def test_another_version_is_named(self, compare):
        said = compare([RATIO], machine={**MACHINE, "torch": "2.0"})[1]
        assert "torch 1.0 was stored, now it is 2.0" in said

    def test_what_is_new_or_gone_is_said(self, compare):
        status, said = compare([replace(RATIO, name="new one")])
        assert status == 0
        assert "new one" in said
        assert "not measured" in said

    def test_seconds_are_not_compared_but_their_goals_are(self, compare):
        slow = Finding("import", 0.2, 0.2, 0.2, 0.2, 5, "s", 0.15)
        status, said = compare([RATIO, slow])
        assert status == 0
        assert "goal missed: import is 0.2s" in said
        assert compare([RATIO, slow], "--strict")[0] == 1

    def test_a_goal_that_is_met_is_not_mentioned_and_an_unclear_one_is_no_failure(self, compare):
        assert "goal" not in compare([replace(RATIO, goal=1.1)], "--strict")[1]
        status, said = compare([replace(RATIO, goal=0.99)], "--strict")
        assert status == 0
        assert "goal unclear" in said

    def test_store_writes_what_the_next_comparison_reads(self, compare):
        now = change(RATIO, 2)
        status, _ = compare([now, seconds("import", [0.1])], "--store")
        assert status == 0
        content = json.loads(compare.stored.read_text(encoding="utf-8"))
        assert content["machine"] == MACHINE
        assert content["ratios"].keys() == {"a / b"}
        assert compare([now])[0] == 0
        assert compare([change(now, 1.2)])[0] == 1

    def test_a_quick_run_is_compared_and_not_stored(self, compare):
        assert compare([RATIO], quick=True)[0] == 0
        before = compare.stored.read_bytes()
        status, said = compare([change(RATIO, 2)], "--store", quick=True)
        assert (status, compare.stored.read_bytes()) == (2, before)
        assert "too rough" in said

    def test_nothing_to_compare_with_is_no_success(self, tmp_path, compare, capsys):
        compare([RATIO])
        status = regress.main(
            ["--read", str(tmp_path / "found.json"), "--stored", str(tmp_path / "none.json")]
        )
        assert status == 2
        assert "--store makes one" in capsys.readouterr().err

    def test_a_file_that_no_benchmark_wrote_is_refused_by_its_name(self, tmp_path, capsys):
        for content in ("{", "[]", '{"findings": [{"name": "a"}]}', '{"findings": []}'):
            file = tmp_path / "odd.json"
            file.write_text(content, encoding="utf-8")
            assert regress.main(["--read", str(file)]) == 2
            assert "odd.json is no file that a benchmark wrote" in capsys.readouterr().err

    def test_a_benchmark_that_fails_is_no_success(self, monkeypatch, capsys, tmp_path):
        (tmp_path / "steps.py").write_text("raise SystemExit(5)\n", encoding="utf-8")
        monkeypatch.setattr(regress, "HERE", tmp_path)
        assert regress.main([]) == 2
        assert "steps.py ended with exit status 5" in capsys.readouterr().err

    def test_all_benchmarks_are_run_with_what_was_asked(self, monkeypatch, tmp_path, capsys):
        """Stand-ins that write down how they were called, as their one finding's name."""
        script = (
            "import json, sys\n"
            "name = ' '.join([sys.argv[0].rpartition('/')[2], *sys.argv[3:]])\n"
            f"finding = {asdict(RATIO)!r} | {{'name': name}}\n"
            f"content = {{'machine': {MACHINE!r}, 'quick': False, 'findings': [finding]}}\n"
            "open(sys.argv[2], 'w').write(json.dumps(content))\n"
        )
        for name in regress.SCRIPTS:
            (tmp_path / f"{name}.py").write_text(script, encoding="utf-8")
        monkeypatch.setattr(regress, "HERE", tmp_path)
        regress.store(tmp_path / "ratios.json", MACHINE, [RATIO])
        assert regress.main(["--quick", "--stored", str(tmp_path / "ratios.json")]) == 0
        said = capsys.readouterr().out
        for name in regress.SCRIPTS:
            assert f"{name}.py --quick" in said

    def test_files_of_two_machines_are_not_mixed(self, tmp_path, capsys):
        files = []
        for processor in ("one", "another"):
            files.append(str(tmp_path / f"{processor}.json"))
            content = {
                "machine": {**MACHINE, "processor": processor},
                "quick": False,
                "findings": [],
            }
            timing.write_json(files[-1], content)
        assert regress.main(["--read", *files]) == 2
        assert "one and another" in capsys.readouterr().err

    def test_what_one_process_lacked_another_may_have_had(self):
        contents = [{"machine": {**MACHINE, "jax": jax}} for jax in ("absent", "0.9", "absent")]
        assert regress.one_machine(contents)["jax"] == "0.9"


class TestFiles:
    def test_a_file_is_written_whole_or_not_at_all(self, tmp_path):
        path = tmp_path / "ratios.json"
        timing.write_json(path, {"a": 1})
        with pytest.raises(TypeError):
            timing.write_json(path, {"a": 2, "b": object()})
        assert json.loads(path.read_text(encoding="utf-8")) == {"a": 1}
        assert list(tmp_path.iterdir()) == [path]

    def test_a_report_is_what_regress_reads(self, tmp_path, capsys):
        found = [ratio("a / b", [3, 3], [2, 2], 0.95), seconds("import", [0.02], 0.15)]
        asked = timing.options("", 30, 8, ["--json", str(tmp_path / "steps.json"), "--quick"])
        timing.report("steps", found, timing.load(), asked)
        content = regress.read(tmp_path / "steps.json")
        assert content["findings"] == found
        assert content["quick"] is True
        assert content["machine"] == timing.machine()
        assert timing.machine_line(timing.machine()) in capsys.readouterr().out

    def test_the_stored_ratios_are_those_that_the_benchmarks_have(self):
        """Every stored ratio can be read, and is its own median within its own quartiles."""
        content = json.loads(regress.STORED.read_text(encoding="utf-8"))
        assert set(regress.SAME) <= content["machine"].keys()
        assert len(content["ratios"]) >= 15
        for name, kept in content["ratios"].items():
            found = Finding(name, **kept)
            assert 0 < found.low <= found.median <= found.high
            assert statistics.median([found.low, found.median, found.high]) == found.median
            assert found.rounds >= 10
