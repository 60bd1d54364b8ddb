"""The widgets on the built pages: alive without a kernel, from disk and served."""

import json
import random
import subprocess
import sys

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from built import HTML
from playwright.sync_api import expect

from adam_course import OPTIMIZERS
from adam_course.widgets import Explorer, Microscope
from adam_course.widgets.assets import OFFERED

LANDING = "book/index.html"
CHAPTERS = ["book/01_introduction.html", "book/02_algorithm.html", "book/03_advantages.html"]


@pytest.fixture(params=["file", "http"])
def address(request, served):
    return lambda page: (HTML / page).as_uri() if request.param == "file" else f"{served}/{page}"


@pytest.fixture
def landing(visit, served):
    """The landing page, with nothing gone wrong at the end of the test."""
    opened = visit(f"{served}/{LANDING}")
    yield opened.page
    assert opened.outside == []
    assert opened.errors == []


def explorer_of(page):
    return page.locator(".adam-explorer").first


def table(widget):
    """The table of numbers: a list of texts for each row."""
    rows = widget.locator(".adam-numbers tbody tr").all()
    return [[cell.strip() for cell in row.inner_text().split("\t")] for row in rows]


def settled(page):
    """Wait until what was changed has been drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 20)))")


def number(text):
    return float(text.replace("−", "-"))


# -------------------------------------------------------------------------- alive


@pytest.mark.parametrize("name", [LANDING, *CHAPTERS], ids=lambda name: name[5:-5])
def test_every_page_has_a_live_explorer(visit, address, name):
    opened = visit(address(name))
    widget = explorer_of(opened.page)
    expect(widget).to_be_visible()
    before = table(widget)
    assert before
    slider = widget.get_by_label("Learning rate α", exact=True)
    slider.focus()
    for _ in range(20):
        opened.page.keyboard.press("ArrowRight")
    settled(opened.page)
    assert table(widget) != before
    assert opened.outside == []
    assert opened.errors == []


def test_a_page_without_widgets_loads_nothing_of_them():
    text = (HTML / "book" / "bibliography.html").read_text(encoding="utf-8")
    assert "adam_widgets" not in text


def test_the_numbers_are_those_of_the_package(landing):
    widget = explorer_of(landing)
    state = json.loads(landing.locator(".adam-widget").first.get_attribute("data-adam-state"))
    paths = Explorer(**state).paths()
    rows = table(widget)
    assert [row[0] for row in rows] == list(paths)
    for name, x, y, loss, _ in rows:
        path = paths[name]
        assert number(x) == pytest.approx(path.x[-1, 0], rel=1e-3)
        assert number(y) == pytest.approx(path.x[-1, 1], rel=1e-3)
        assert number(loss) == pytest.approx(path.loss[-1], rel=1e-3)


def test_the_start_can_be_dragged_and_moved_by_keys(landing):
    widget = explorer_of(landing)
    ring = widget.get_by_role("slider", name="Start")
    ring.scroll_into_view_if_needed()
    box = ring.bounding_box()
    said = ring.get_attribute("aria-valuetext")
    landing.mouse.move(box["x"] + 14, box["y"] + 14)
    landing.mouse.down()
    landing.mouse.move(box["x"] + 60, box["y"] - 30, steps=5)
    landing.mouse.up()
    settled(landing)
    moved = ring.bounding_box()
    assert moved["x"] - box["x"] == pytest.approx(46, abs=3)
    assert moved["y"] - box["y"] == pytest.approx(-44, abs=3)
    dragged = ring.get_attribute("aria-valuetext")
    assert dragged != said
    ring.focus()
    landing.keyboard.press("Shift+ArrowLeft")
    settled(landing)
    assert ring.bounding_box()["x"] < moved["x"] - 10
    assert ring.get_attribute("aria-valuetext") != dragged


def test_time_can_be_scrubbed_and_played(landing):
    widget = explorer_of(landing)
    step = widget.get_by_label("Step", exact=True)
    step.focus()
    landing.keyboard.press("Home")
    settled(landing)
    assert {row[4] for row in table(widget)} == {"0"}
    for _ in range(3):
        landing.keyboard.press("ArrowRight")
    settled(landing)
    assert {row[4] for row in table(widget)} == {"3"}
    widget.get_by_role("button", name="Play").click()
    landing.wait_for_timeout(400)
    widget.get_by_role("button", name="Pause").click()
    settled(landing)
    assert int(table(widget)[0][4]) > 3


def test_the_address_reopens_it_and_reset_takes_it_back(visit, served, landing):
    widget = explorer_of(landing)
    widget.get_by_label("Landscape", exact=True).select_option("beale")
    widget.get_by_label("RMSProp", exact=True).check()
    slider = widget.get_by_label("β₂", exact=True)
    slider.focus()
    for _ in range(30):
        landing.keyboard.press("ArrowLeft")
    landing.wait_for_function("() => location.hash.includes('beta2')")
    settled(landing)
    shown, address = table(widget), landing.url
    again = visit(address).page
    settled(again)
    assert table(explorer_of(again)) == shown
    explorer_of(again).get_by_role("button", name="Reset").click()
    settled(again)
    assert [row[0] for row in table(explorer_of(again))] == ["Adam", "GradientDescent", "Momentum"]
    expect(explorer_of(again).get_by_label("Landscape", exact=True)).to_have_value("himmelblau")


@pytest.mark.parametrize(
    "hash_",
    [
        'explorer-1?landscape="nowhere"&rules=["SGD",3]&steps=1e99&start=[1]&learning_rate="x"',
        "explorer-1?steps=-5&beta1=7&start=[1e300,null]&settings=[1]&noise=-1&seed=0.5",
        "explorer-1?landscape=%7B&rules=5",
        "explorer-1?settings={%22Adam%22:{%22beta1%22:9},%22x%22:1,%22RMSProp%22:null}",
        "explorer-9?steps=3",
    ],
)
def test_an_address_that_makes_no_sense_does_no_harm(visit, served, hash_):
    opened = visit(f"{served}/{LANDING}#{hash_}")
    settled(opened.page)
    expect(explorer_of(opened.page)).to_be_visible()
    for row in table(explorer_of(opened.page)):
        assert "number" not in " ".join(row)
    assert opened.errors == []


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"landscape": "quadratic", "condition": 40.0, "rotation": 30.0, "start": [4.0, -3.0]},
        {"noise": 0.5, "sparsity": 0.3, "seed": 4},
        {"rules": list(OPTIMIZERS)},
    ],
    ids=["as it stands", "quadratic", "noise", "all rules"],
)
def test_the_copied_python_gives_the_same_numbers(visit, served, change):
    hash_ = "&".join(f"{name}={json.dumps(value)}" for name, value in change.items())
    page = visit(f"{served}/{LANDING}#explorer-1?{hash_}").page
    settled(page)
    widget = explorer_of(page)
    code = widget.locator("pre code").text_content()
    code += "\n    print('END', path.x[-1].tolist(), float(path.loss[-1]))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    ends = [line for line in run.stdout.splitlines() if line.startswith("END")]
    rows = table(widget)
    assert len(ends) == len(rows)
    for end, (_, x, y, loss, _) in zip(ends, rows):
        place, value = end[4:].rsplit(" ", 1)
        assert [number(x), number(y)] == pytest.approx(json.loads(place), rel=1e-3, abs=1e-300)
        if "∞" not in loss:
            assert number(loss) == pytest.approx(float(value), rel=1e-3)


def test_divergence_is_said_with_its_step(visit, served):
    page = visit(
        f"{served}/{LANDING}#explorer-1?landscape=%22rosenbrock%22&rules=[%22GradientDescent%22]"
        "&settings={}&start=[-1.5,2]&learning_rate=1&step=200"
    ).page
    settled(page)
    widget = explorer_of(page)
    path = Explorer(
        landscape="rosenbrock", rules=["GradientDescent"], learning_rate=1, steps=200
    ).paths()["GradientDescent"]
    assert path.diverged_at > 0
    said = f"GradientDescent diverged at step {path.diverged_at}."
    expect(widget.get_by_role("status")).to_have_text(said)
    assert table(widget)[0][4] == f"diverged at {path.diverged_at}"


# ---------------------------------------------------------------------- microscope


def test_the_microscope_agrees_with_the_package_at_every_step(visit, served):
    opened = visit(f"{served}/book/02_algorithm.html")
    page = opened.page
    widget = page.locator(".adam-microscope")
    gradients = [1.0, -2.0, 0.0, 0.5, 1e-3, 40.0]
    typed = widget.get_by_label("Your own, with commas")
    typed.fill(", ".join(map(str, gradients)))
    typed.press("Enter")
    path = Microscope(gradients=gradients).path()
    forward = widget.get_by_role("button", name="Forward")
    for t in range(1, len(gradients) + 1):
        settled(page)
        rows = {row[0]: number(row[3]) for row in table(widget)}
        expected = {
            "g": gradients[t - 1],
            "m": path.state.m[t],
            "v": path.state.v[t],
            "m̂": path.m_hat[t - 1],
            "v̂": path.v_hat[t - 1],
            "step": path.step[t - 1],
        }
        for name, value in expected.items():
            assert rows[name] == pytest.approx(value, rel=1e-3), (t, name)
        assert abs(rows["step"]) <= rows["bound"] * 1.001
        if t < len(gradients):
            forward.click()
    assert forward.is_disabled()
    typed.fill("1, two")
    typed.press("Enter")
    expect(widget.get_by_role("alert")).to_contain_text("two")
    assert opened.errors == []


def test_the_bound_of_the_microscope_is_reached_by_growing_gradients(visit, served):
    page = visit(f"{served}/book/02_algorithm.html").page
    share = page.evaluate(
        """() => {
            // Equality in the inequality of Cauchy and Schwarz: g_i proportional to a_i / b_i.
            const gradients = Array.from({length: 40}, (_, k) => (0.999 / 0.9) ** k);
            const rows = adamCourse.dissect(
                {gradients, learning_rate: 1, beta1: 0.9, beta2: 0.999, epsilon: 0});
            return rows.map(({step, bound}) => Math.abs(step) / bound);
        }"""
    )
    np.testing.assert_allclose(share, 1, rtol=1e-12)


# -------------------------------------------------------------------------- parity


@pytest.mark.parametrize("landscape", OFFERED)
def test_every_rule_in_javascript_equals_the_package(landing, landscape):
    """500 steps, with noise and sparsity too, within 1e-12 of the run's largest coordinate."""
    turns = [{}, {"condition": 100.0, "rotation": 30.0}] if landscape == "quadratic" else [{}]
    compared = 0
    for turn in turns:
        for noise, sparsity in ((0.0, 0.0), (0.3, 0.5)):
            for rate in (0.001, 0.1):
                explorer = Explorer(
                    landscape=landscape,
                    rules=list(OPTIMIZERS),
                    learning_rate=rate,
                    noise=noise,
                    sparsity=sparsity,
                    seed=7,
                    steps=500,
                    **turn,
                )
                runs = landing.evaluate(
                    """state => adamCourse.race(state).map(run => ({
                        rule: run.rule, x: [...run.x], rate: [...run.rate],
                        at: run.divergedAt}))""",
                    explorer.state,
                )
                paths = explorer.paths()
                for run in runs:
                    path = paths[run["rule"]]
                    assert run["at"] == path.diverged_at
                    rows = len(path.t) - (path.diverged_at >= 0)
                    x = np.reshape(run["x"], (-1, 2))[:rows]
                    scale = np.abs(path.x[:rows]).max()
                    assert np.abs(x - path.x[:rows]).max() <= 1e-12 * scale, run["rule"]
                    if path.diverged_at < 0:
                        rates = np.array(run["rate"], float).reshape(-1, 2)
                        np.testing.assert_allclose(rates, path.effective_rate, rtol=1e-12)
                    compared += 1
    assert compared == len(OPTIMIZERS) * len(turns) * 4


def test_the_noise_in_javascript_is_the_packages_bit_for_bit(landing):
    from adam_course.noise import standard_normal, uniform

    places = [(seed, t) for seed in (0, 5, 2**32 - 1) for t in (1, 2, 500)]
    found = landing.evaluate(
        """places => places.map(([seed, t]) => [0, 1].map(i =>
            [adamCourse.standardNormal(seed, t, i), adamCourse.uniform(seed, t, i, 0)]))""",
        places,
    )
    for (seed, t), both in zip(places, found):
        expected = np.stack([standard_normal(seed, t, 2), uniform(seed, t, 2, 0)], axis=1)
        np.testing.assert_array_equal(both, expected)


# -------------------------------------------------------------------- for everybody


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", [LANDING, "book/02_algorithm.html"], ids=["landing", "chapter 2"])
def test_axe_finds_nothing_in_a_widget(visit, served, name, dark):
    page = visit(f"{served}/{name}", dark=dark).page
    for summary in page.locator(".adam-widget summary").all():
        summary.click()
    settled(page)
    results = Axe().run(page, context=".adam-widget")
    assert results.violations_count == 0, results.generate_report()
    assert len(results.response["passes"]) > 10


@pytest.mark.parametrize("name", [LANDING, "book/02_algorithm.html"], ids=["landing", "chapter 2"])
def test_every_control_has_a_name_a_value_and_a_key(visit, served, name):
    page = visit(f"{served}/{name}").page
    for control in page.locator(".adam-widget :is(input, select, button, summary)").all():
        if not control.is_visible():
            continue
        words = control.evaluate(
            "n => n.getAttribute('aria-label') ?? n.labels?.[0]?.textContent ?? n.textContent"
        )
        assert words.strip()
        control.focus()
        assert control.evaluate("n => n === document.activeElement || n.disabled")
        if control.get_attribute("type") == "range":
            assert control.get_attribute("aria-valuetext")
        if control.evaluate("n => n.tagName !== 'SUMMARY'"):
            assert control.get_attribute("data-lm-suppress-shortcuts") == "true"


def test_a_thousand_random_and_extreme_positions_leave_no_exception(visit, served):
    """All traits at once, at random or at the ends of their ranges, on both widgets."""
    opened = visit(f"{served}/book/02_algorithm.html")
    rng = random.Random(0)

    def anything(low, high):
        return rng.choice([low, high, rng.uniform(low, high), 10 ** rng.uniform(-12, 1)])

    jobs = []
    for _ in range(500):
        rules = rng.sample(list(OPTIMIZERS), rng.randint(0, 4))
        changes = {
            "landscape": rng.choice(OFFERED),
            "condition": max(1, anything(1, 1e6)),
            "rotation": anything(-90, 90),
            "rules": rules,
            "learning_rate": anything(0, 1e6),
            "momentum": min(anything(0, 0.999999), 0.999999),
            "beta1": min(anything(0, 0.999999), 0.999999),
            "beta2": min(anything(0, 0.999999), 0.999999),
            "epsilon": min(anything(0, 1), 1),
            "noise": anything(0, 1000),
            "sparsity": min(anything(0, 0.99), 0.99),
            "steps": rng.choice([1, 2, 50, 300]),
            "step": rng.choice([0, 1, 5000]),
            "start": [anything(-1e6, 1e6), anything(-1e6, 1e6)],
        }
        jobs.append(("explorer-1", changes))
        changes = {
            "gradients": [anything(-1e12, 1e12) for _ in range(rng.choice([1, 2, 200]))],
            "learning_rate": anything(0, 1e6),
            "beta1": min(anything(0, 0.999999), 0.999999),
            "beta2": min(anything(0, 0.999999), 0.999999),
            "epsilon": min(anything(0, 1), 1),
            "step": rng.choice([1, 2, 200]),
        }
        jobs.append(("microscope-1", changes))
    odd = opened.page.evaluate(
        """async jobs => {
            const odd = [];
            for (const [name, changes] of jobs) {
                const words = Object.entries(changes)
                    .map(([key, value]) => `${key}=${encodeURIComponent(JSON.stringify(value))}`);
                const before = performance.now();
                const detail = `#${name}?${words.join('&')}`;
                dispatchEvent(new CustomEvent('adam-open', {detail}));
                await new Promise(requestAnimationFrame);
                const place = document.getElementById(name);
                const text = place.innerText;
                const excused = text.includes('diverged') || name === 'microscope-1';
                if (/NaN|undefined/.test(text) || (/not a number/.test(text) && !excused)
                    || performance.now() - before > 2000) {
                    odd.push([name, changes, text.slice(0, 300)]);
                }
            }
            return odd;
        }""",
        jobs,
    )
    assert odd == []
    assert opened.errors == []
    # Still alive.
    explorer = explorer_of(opened.page)
    explorer.get_by_role("button", name="Reset").click()
    settled(opened.page)
    assert [row[0] for row in table(explorer)] == ["Adam", "RMSProp"]


def test_reduced_motion_plays_in_still_pictures(visit, served):
    page = visit(f"{served}/{LANDING}", reduced_motion="reduce").page
    widget = explorer_of(page)
    widget.get_by_label("Step", exact=True).focus()
    page.keyboard.press("Home")
    page.evaluate(
        """() => {
            globalThis.seen = new Set();
            const words = document.querySelector('.adam-step');
            new MutationObserver(() => seen.add(words.textContent)).observe(
                words, {childList: true, characterData: true, subtree: true});
        }"""
    )
    widget.get_by_role("button", name="Play").click()
    page.wait_for_timeout(1500)
    assert page.evaluate("() => seen.size") <= 4
