"""The instructor's page keeps to the chapters: what it names is there, what it promises is seen."""

import json
import re
from functools import cache

import numpy as np
import pytest
from bs4 import BeautifulSoup

from adam_course.exercises import EXERCISES
from adam_course.exercises.checking import SECONDS
from adam_course.widgets import Explorer
from tools.notebooks import ROOT, chapters

PAGE = ROOT / "book" / "instructor.md"
TEXT = PAGE.read_text(encoding="utf-8")
STATIC = ROOT / "adam_course" / "widgets" / "static"

LESSON = 90  # minutes
IDEA = 45  # where a plan breaks: lessons of two chapters take what comes before
LONGEST = 235  # words of a plan: more cannot be taken in at a glance

# A name in bold is an exercise, one in italics a section; in quotation marks stands a mistake.
EXERCISE = re.compile(r"\*\*(\d+\.\d+)\*\*")
SECTION = re.compile(r"(?<!\*)\*([^*\n]+)\*(?!\*)")
QUOTED = re.compile(r"“([^”]+)”")
ROW = re.compile(r"^\| (\d+)–(\d+) \| (.+) \|$", flags=re.M)
CHECK = re.compile(r"\b\d\d-[a-z0-9-]+")


class Chapter:
    """What a plan may name of a chapter, read from its stored notebook."""

    def __init__(self, path):
        self.path = path
        self.number = int(path.stem[:2])
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        self.title = re.search(r"^# (.+)$", text, flags=re.M)[1]
        slide = re.search(r"^\*About (\d+) minutes to read\. It mirrors slide \d+,", text, re.M)
        self.mirrors_a_slide, self.minutes = bool(slide), slide and slide[1]
        self.sections = set(re.findall(r"^###? (.+)$", text, flags=re.M))
        self.exercises = self._exercises(cells)
        outputs = [output for cell in cells for output in cell.get("outputs", ())]
        self.widgets = self._widgets(outputs)
        self.quizzes = [state for kind, state in self.widgets if kind == "quiz"]
        shown = ["".join(o.get("text", ())) + self._words(o) for o in outputs]
        self.numbers = numbers("\n".join(["".join(c["source"]) for c in cells] + shown))
        self.numbers |= numbers(json.dumps(self.widgets, ensure_ascii=False))

    @staticmethod
    def _exercises(cells):
        """Number of an exercise -> the name of its check, or None without one."""
        found, last = {}, None
        for cell in cells:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                for number in re.findall(r"^### (\d+\.\d+) ", source, flags=re.M):
                    found[number], last = None, number
            for name in re.findall(r'^check\("([^"]+)"', source, flags=re.M):
                found[last] = name
        return found

    @staticmethod
    def _widgets(outputs):
        """(kind, state) of each widget, as the page mounts it."""
        found = []
        for output in outputs:
            html = "".join(output.get("data", {}).get("text/html", ()))
            for place in BeautifulSoup(html, "html.parser").select("[data-adam-widget]"):
                found.append((place["data-adam-widget"], json.loads(place["data-adam-state"])))
        return found

    @staticmethod
    def _words(output):
        return "".join(output.get("data", {}).get("text/plain", ()))

    def preset(self, kind):
        (state,) = [state for name, state in self.widgets if name == kind]
        return state

    def mistakes(self, exercise):
        """The names of the mistakes that an exercise's check knows."""
        return {mistake.name for mistake in EXERCISES[self.exercises[exercise]].mistakes}

    def wrong_choices(self):
        return [c["text"] for quiz in self.quizzes for c in quiz["choices"] if not c["right"]]


def numbers(text):
    """The numbers that a text has, whatever signs and spaces are in them."""
    text = text.replace("−", "-").replace("\\,", " ")
    text = re.sub(r"(?<=\d)[   ,](?=\d{3}(?!\d))", "", text)
    return {float(number) for number in re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", text)}


@cache
def chapter(number):
    (path,) = [path for path in chapters() if path.stem.startswith(f"{number:02d}_")]
    return Chapter(path)


MIRRORING = [
    number
    for number in (int(path.stem[:2]) for path in chapters() if path.stem[:2].isdigit())
    if chapter(number).mirrors_a_slide
]
PLANS = {
    int(plan.split()[0]): plan.partition("\n## ")[0]
    for plan in re.split(r"^### ", TEXT, flags=re.M)[1:]
}


def part(plan, title):
    """What stands in a plan behind a title in bold, up to the next one."""
    return re.search(rf"^\*\*{title}\.?\*\*\s*(.+?)(?=^\*\*[A-Z]|\Z)", plan, re.M | re.S)[1]


@cache
def labels():
    """What stands on the widgets: every string of their scripts."""
    return {
        text
        for script in STATIC.glob("*.js")
        for text in re.findall(r'"([^"\n]+)"', script.read_text(encoding="utf-8"))
    }


# ------------------------------------------------------------------------ the plans


def test_every_chapter_that_mirrors_a_slide_has_its_plan():
    assert len(MIRRORING) >= 14
    assert list(PLANS) == MIRRORING


@pytest.mark.parametrize("number", PLANS)
class TestPlan:
    def test_is_of_its_chapter(self, number):
        plan, own = PLANS[number], chapter(number)
        assert plan.splitlines()[0] == f"{number} {own.title}"
        assert f"[The chapter]({own.path.name}) takes {own.minutes} minutes to read." in plan

    def test_takes_ninety_minutes_and_breaks_in_the_middle(self, number):
        rows = [(int(begin), int(end)) for begin, end, _ in ROW.findall(PLANS[number])]
        ends = [end for _, end in rows]
        assert [begin for begin, _ in rows] == [0, *ends[:-1]], "a gap, or two things at a time"
        assert sum(end - begin for begin, end in rows) == LESSON
        assert all(end > begin for begin, end in rows)
        assert IDEA in ends

    def test_can_be_taken_in_at_a_glance(self, number):
        plan = re.sub(r"\]\([^)]*\)|\$[^$]*\$", " ", PLANS[number])
        assert len(re.findall(r"[\w’'.]+", plan)) <= LONGEST

    def test_names_exercises_that_are_there(self, number):
        plan, own = PLANS[number], chapter(number)
        assert set(EXERCISE.findall(plan)) <= own.exercises.keys()
        assert set(CHECK.findall(plan)) <= {name for name in own.exercises.values() if name}

    def test_gives_every_exercise_one_place(self, number):
        given = part(PLANS[number], "Exercises")
        assert sorted(EXERCISE.findall(given)) == sorted(chapter(number).exercises)
        for place in ("In class", "At home", "For the quick"):
            assert place in given

    def test_sets_in_class_what_the_minutes_are_for(self, number):
        (in_class,) = re.findall(r"In class (.+?)\. ", part(PLANS[number], "Exercises"))
        practised = {
            exercise
            for begin, _, what in ROW.findall(PLANS[number])
            if int(begin) >= IDEA
            for exercise in EXERCISE.findall(what)
        }
        assert practised == set(EXERCISE.findall(in_class))

    def test_says_which_exercises_have_no_check(self, number):
        own = chapter(number)
        for exercise in EXERCISE.findall(part(PLANS[number], "Exercises")):
            told = re.search(
                rf"\*\*{re.escape(exercise)}\*\*, (without a check|a proof)", PLANS[number]
            )
            assert bool(told) == (own.exercises[exercise] is None), exercise

    def test_names_sections_and_labels_that_are_there(self, number):
        named = set(SECTION.findall(PLANS[number]))
        assert named - labels() <= chapter(number).sections
        assert len(named & chapter(number).sections) >= 3

    def test_names_quizzes_that_are_there(self, number):
        words = ["first", "second", "third", "fourth"]
        for word in re.findall(r"\b(\w+) quiz\b", PLANS[number]):
            assert words.index(word.lower()) < len(chapter(number).quizzes)

    def test_answers_mistakes_that_are_made(self, number):
        plan, own = PLANS[number], chapter(number)
        items = re.findall(r"^- (.+)$", part(plan, "They get wrong"), flags=re.M)
        assert 2 <= len(items) <= 4
        for item in items:
            (mistake,) = QUOTED.findall(item)
            if item.startswith("Quiz, "):
                assert any(mistake in choice for choice in own.wrong_choices()), mistake
            else:
                assert mistake in own.mistakes(EXERCISE.match(item)[1]), mistake
            assert len(item.partition("”: ")[2]) >= 15, f"no answer to {mistake}"
        assert len(QUOTED.findall(plan)) == len(items), "a quotation that is no mistake"

    def test_has_numbers_that_its_chapter_has(self, number):
        """But for small ones, and what the test of the Explorer holds."""
        plan = re.sub(r"^\| \d+–\d+ ", "", PLANS[number], flags=re.M)
        for apart in (
            EXERCISE.pattern,
            r"\]\([^)]*\)",
            r"\$[^$]*\$",
            r"\bchapter \d+",
            r"^\d+ .+$",
        ):
            plan = re.sub(apart, " ", plan, flags=re.M)
        held = chapter(number).numbers | numbers(SEEN[number][0])
        loose = {n for n in numbers(plan) - held if n > 12 or n % 1}
        assert loose == set()


# ----------------------------------------------------------- what the room will see


def limits():
    """How far each slider of the Explorer goes: name -> (low, high)."""
    script = (STATIC / "explorer.js").read_text(encoding="utf-8")
    found = {}
    for name, kind, ends in re.findall(
        r'\b(\w+)(?:": |: |", )(?:\["[^"]+", |slider\(\{ label: "[^"]+", scale: )'
        r"(linear|logarithmic|nines|whole)\(([^)]+)\)",
        script,
    ):
        low, *high = map(float, ends.split(", "))
        found[name] = (0, 1 - 10**-low) if kind == "nines" else (low, high[0])
    return found


class Turned:
    """A chapter's Explorer with something turned, as far as its sliders go."""

    def __init__(self, number):
        self.preset = chapter(number).preset("explorer")

    def __call__(self, own=None, **traits):
        reach = limits()
        settings = dict(self.preset["settings"])
        for rule, values in (own or {}).items():
            settings[rule] = settings.get(rule, {}) | values
        for name, value in [*traits.items(), *(i for v in (own or {}).values() for i in v.items())]:
            if name in reach:
                assert reach[name][0] <= value <= reach[name][1], f"no slider gets {name} there"
        return Explorer(**self.preset | traits | {"settings": settings}).paths()


def steps(path, loss=1e-6):
    """How many until the loss is below, infinite for never."""
    return float(path.first_below(loss))


def chapter_01(turned):
    near, far = turned(start=[1, -1]), turned(start=[5, -5])
    took = {
        rule: (steps(near[rule], 1e-2), steps(far[rule], 1e-2))
        for rule in ("Adam", "GradientDescent")
    }
    descent, adam = took["GradientDescent"], took["Adam"]
    assert descent[0] < descent[1] <= descent[0] + 10
    assert 5 * adam[0] < adam[1] < np.inf


def chapter_02(turned):
    lengths = []
    for beta2 in (0.999, 0.99, 0.9):
        paths = turned(beta2=beta2)
        first = {rule: np.abs(path.step[0]) for rule, path in paths.items()}
        lengths.append(float((first["RMSProp"] / first["Adam"]).max()))
    assert round(lengths[0]) == 32
    assert lengths[0] > lengths[1] > lengths[2]
    paths = turned(beta2=0)
    assert np.abs(paths["Adam"].x - paths["RMSProp"].x).max() < 1e-9


def chapter_03(turned):
    along, across = turned(rotation=0), turned(rotation=45)
    assert len(along["Adam"].loss) == 401
    for rule, arrives in (("Adam", False), ("Momentum", True)):
        assert steps(along[rule]) < np.inf
        assert (steps(across[rule]) < np.inf) == arrives
    # The slider's nearest to 0.5.
    round_bowl = turned(condition=1, own={"GradientDescent": {"learning_rate": 0.501}})
    assert steps(round_bowl["GradientDescent"]) == 2


def chapter_04(turned):
    (before,), (after,), (braked,) = (
        turned(**change).values() for change in ({}, {"beta2": 0.9}, {"epsilon": 1e-4})
    )
    assert turned.preset["learning_rate"] == 0.03
    assert before.loss[-1] > 1000 * after.loss[-1]
    assert np.abs(before.x - braked.x).max() < 0.01  # a hundredth of the map's units


def chapter_05(turned):
    paths = turned()
    assert paths["SignDescent"].loss.min() > 0.25
    assert np.ptp(paths["SignDescent"].loss[-20:]) < 1e-9
    apart = [
        np.abs(paths["Adam"].x - paths["SignDescent"].x).max()
        for paths in (turned(), turned(beta1=0), turned(beta1=0, beta2=0))
    ]
    assert min(apart[:2]) > 0.5
    assert apart[2] < 1e-6


def chapter_06(turned):
    def lowest(paths, step):
        return min(paths, key=lambda rule: paths[rule].loss[step])

    assert [lowest(turned(), step) for step in (10, 50, 200)] == [
        "GradientDescent",
        "Momentum",
        "Momentum",
    ]
    for about in ([2, -1], [1.9, -0.9], [2.1, -1.1]):  # nobody hits it exactly
        assert lowest(turned(start=about), 50) == "Adam"


def chapter_07(turned):
    own = {"GradientDescent": {"learning_rate": 0.002}}
    assert steps(turned(own)["GradientDescent"], 1e-3) < np.inf
    assert turned(own, start=[-2, -1])["GradientDescent"].diverged_at >= 0
    for x in (-2, -1, 0, 1, 2):
        fast = turned({"Adam": {"learning_rate": 3.0}}, start=[x, -1])["Adam"]
        assert fast.diverged_at < 0
        assert fast.loss[-1] < 1


def chapter_08(turned):
    def ratios(paths):
        return [rate[0] / rate[1] for rate in (p.effective_rate[0] for p in paths.values())]

    assert ratios(turned()) == pytest.approx([100] * 3)
    assert ratios(turned(start=[4, -0.4])) == pytest.approx([10] * 3)
    rates = {rule: path.effective_rate for rule, path in turned().items()}
    assert (np.diff(rates["AdaGrad"], axis=0) <= 0).all()
    assert (np.diff(rates["Adam"], axis=0) >= 0).all()
    assert (rates["RMSProp"][0] > 30 * rates["Adam"][0]).all()


def chapter_09(turned):
    assert turned.preset["sparsity"] == 0.9
    assert steps(turned()["GradientDescent"]) == np.inf
    assert all(steps(path) < np.inf for path in turned(sparsity=0).values())
    for sparsity in (0.9, 0):
        assert all(steps(path) == np.inf for path in turned(sparsity=sparsity, noise=3).values())


def chapter_10(turned):
    def arriving(paths):
        return {rule for rule, path in paths.items() if steps(path) < np.inf}

    assert turned.preset["condition"] == 10_000
    assert arriving(turned()) == {"Adam", "AdaGrad"}
    own = {"Momentum": {"learning_rate": 0.1}}
    standardised = turned(own, condition=10)
    assert steps(standardised["Momentum"]) == pytest.approx(steps(standardised["Adam"]), rel=0.15)
    for mixed in (turned(rotation=45), turned(own, rotation=45)):
        assert arriving(mixed) == set()


def chapter_11(turned):
    def still_there(rate):
        return {r for r, p in turned(learning_rate=rate).items() if p.loss[-1] < p.loss[0]}

    everybody = {"Adam", "Momentum", "GradientDescent"}
    assert still_there(0.00977) == everybody  # the slider's last below 0.01
    assert still_there(0.0102) == everybody - {"GradientDescent"}
    assert still_there(0.02) == {"Adam"}
    assert steps(turned(learning_rate=10)["Adam"]) < np.inf


def chapter_12(turned):
    at, beyond = (
        turned({"GradientDescent": {"learning_rate": rate}})["GradientDescent"]
        for rate in (0.000977, 0.00102)
    )
    assert at.loss[-1] < at.loss[0] < beyond.loss[-1]
    assert turned.preset["condition"] == 1000
    dense = turned(sparsity=0)
    assert abs(dense["GradientDescent"].x[-1, 0]) > 1 > 1e-3 > abs(dense["Adam"].x[-1, 0])


def chapter_13(turned):
    def both(beta1):
        paths = turned(beta1=beta1)
        return steps(paths["Adam"]), steps(paths["NAdam"])

    adam, nadam = both(0.9)
    assert nadam < adam == np.inf
    adam, nadam = both(0.5)
    assert adam < nadam < np.inf
    one = turned(beta1=0)
    assert np.abs(one["Adam"].x - one["NAdam"].x).max() < 1e-12


def chapter_14(turned):
    by_decay = [turned(weight_decay=decay) for decay in (0, 0.1, 0.5, 1)]
    star = np.array([3, 0.5])
    away = [float(np.linalg.norm(paths["AdamW"].x[-1] - star)) for paths in by_decay]
    assert away == sorted(away)
    assert away[-1] > 2 > 0.1 > away[0]
    for rule in ("Adam", "AMSGrad"):
        assert all((paths[rule].x == by_decay[0][rule].x).all() for paths in by_decay)


# What a plan promises of its Explorer, and what finds it so.
SEEN = {
    1: ("Gradient descent takes a few steps more, Adam several times as many.", chapter_01),
    2: (
        "RMSProp's first step shrinks from 32 times Adam's; at 0 the two paths are one.",
        chapter_02,
    ),
    3: ("Adam no longer comes below a millionth in 400 steps, momentum still does.", chapter_03),
    4: ("the loss falls more than a thousandfold.", chapter_04),
    5: ("sign descent never comes below 0.25 and hops there.", chapter_05),
    6: ("Drag the start to about (2, −1): after step 50 it is Adam.", chapter_06),
    7: ("the status line says that it diverged. Adam does not, even at a rate of 3.", chapter_07),
    8: ("Drag the start to (4, −0.4): they begin 10 apart", chapter_08),
    9: ("all three come below a millionth. Noise to 3: none does.", chapter_09),
    10: ("it is level with Adam. Turn by 45 degrees at 10 000: nobody arrives.", chapter_10),
    11: ("at 0.02 momentum has left too, and at 10, the slider's end, Adam still", chapter_11),
    12: (
        "beyond 0.001, and its loss grows. Put it back, take *Gradients left out* to 0: in the "
        "flat coordinate it is still under way.",
        chapter_12,
    ),
    13: ("Lower $\\beta_1$ to 0.5 and Adam overtakes it; at 0 they are one rule.", chapter_13),
    14: ("AdamW comes to rest ever farther from the star; Adam and AMSGrad do not", chapter_14),
}


@pytest.mark.parametrize("number", PLANS)
def test_the_room_sees_what_the_plan_says(number):
    words, holds = SEEN[number]
    (row,) = [what for _, end, what in ROW.findall(PLANS[number]) if int(end) == IDEA]
    assert "Explorer" in row
    assert words in row
    holds(Turned(number))


def test_the_microscope_begins_with_thirty_ones():
    assert "thirty gradients of 1, then *A lone spike*" in PLANS[2]
    assert chapter(2).preset("microscope")["gradients"] == [1.0] * 30


# --------------------------------------------------------------- the rest of the page


def test_every_exercise_and_check_named_anywhere_is_there():
    known = {exercise for number in MIRRORING for exercise in chapter(number).exercises}
    named = set(EXERCISE.findall(TEXT))
    assert len(named) >= 40
    assert named <= known
    assert CHECK.findall(TEXT)
    assert set(CHECK.findall(TEXT)) <= EXERCISES.keys()


def test_links_to_files_that_are_there():
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", TEXT)
    assert len(targets) >= 20
    for target in targets:
        assert (PAGE.parent / target).is_file(), target


def test_every_course_takes_chapters_that_have_a_plan():
    table = TEXT.partition("## Three courses")[2].partition("\n## ")[0]
    taken = {int(name[:2]) for name in re.findall(r"\]\((\d\d_[^)]+)\)", table)}
    assert taken <= PLANS.keys()
    (lesson,) = [row for row in table.splitlines() if row.startswith("| **One lesson**")]
    times = [tuple(map(int, both)) for both in re.findall(r"(\d+)–(\d+)", lesson)]
    assert [begin for begin, _ in times] == [0, *(end for _, end in times[:-1])]
    assert times[-1][1] == LESSON


def test_names_targets_and_buttons_that_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"`make (\w+)`", TEXT))
    assert named
    assert named <= set(re.findall(r"^([a-z]+):", makefile, flags=re.M))
    room = TEXT.partition("## In the room")[2].partition("\n## ")[0]
    assert len(SECTION.findall(room)) >= 3
    assert set(SECTION.findall(room)) <= labels()


def test_says_rightly_what_check_does_not_see():
    (line,) = re.findall(r"^- \*\*What it does not see\.\*\* .+$", TEXT, flags=re.M)
    unchecked = {
        exercise
        for number in MIRRORING
        for exercise, name in chapter(number).exercises.items()
        if name is None
    }
    assert set(EXERCISE.findall(line)) == unchecked
    assert SECONDS == 5
    assert "its five seconds" in line


def test_its_code_does_what_its_comments_say(capsys):
    (code,) = re.findall(r"```python\n(.+?)```", TEXT, flags=re.S)
    exec(code, {})
    assert capsys.readouterr().out.strip() == re.search(r"# (\d\d-.+)$", code, flags=re.M)[1]


def test_has_its_parts():
    assert re.findall(r"^## (.+)$", TEXT, flags=re.M) == [
        "Who it is for",
        "Three courses",
        "In the room",
        "The plans",
        "Assessment",
    ]
