"""How long the Explorer takes to redraw, in a real browser on the built book.

    python benchmarks/explorer.py

Four rules, 500 steps.  A change of the learning rate computes all runs anew and draws all
four panels; it should fit into one frame of a screen with 60 a second, 16.7 ms.  The time
of the computation alone and of the slower changes (of the landscape, whose contours are
computed anew) are printed beside it, and everything as a ratio to a frame.
"""

import shutil
import statistics
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PAGE = Path(__file__).parent.parent / "_build" / "html" / "book" / "index.html"
FRAME = 1000 / 60  # milliseconds
REPEATS = 200
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]

MEASURE = """async ([repeats, name]) => {
    const open = words => dispatchEvent(
        new CustomEvent('adam-open', {detail: `#explorer-1?${words}`}));
    const drawn = () => new Promise(done => requestAnimationFrame(() => done(performance.now())));
    open('steps=500&rules=["Adam","Momentum","RMSProp","GradientDescent"]&settings={}');
    await drawn();
    const real = globalThis.requestAnimationFrame;
    const times = [];
    for (let k = 0; k < repeats; k += 1) {
        // The view draws in its next frame: run that frame now, and measure it alone.
        let frame = null;
        globalThis.requestAnimationFrame = callback => { frame = callback; return 1; };
        open(name === 'landscape' ? `condition=${2 + k}&landscape="quadratic"`
            : `${name}=${name === 'step' ? k : 0.01 * (1 + k / repeats)}`);
        globalThis.requestAnimationFrame = real;
        const before = performance.now();
        frame(before);
        document.body.offsetHeight;  // the layout belongs to it
        times.push(performance.now() - before);
        await drawn();
    }
    return times;
}"""

COMPUTE = """repeats => {
    const place = document.querySelector('.adam-widget');
    const state = {...JSON.parse(place.dataset.adamState), steps: 500, settings: {},
        rules: ['Adam', 'Momentum', 'RMSProp', 'GradientDescent']};
    return Array.from({length: repeats}, (_, k) => {
        const before = performance.now();
        adamCourse.race({...state, learning_rate: 0.01 * (1 + k / repeats)});
        return performance.now() - before;
    });
}"""


def main():
    """Print the median and the 95th percentile of each kind of redraw."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if not path or not PAGE.exists():
        sys.exit("needs Chromium and the built book: run `make book`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.goto(PAGE.as_uri())
        kinds = {"computing alone": page.evaluate(COMPUTE, REPEATS)}
        for words, name in {
            "marked step": "step",
            "learning rate": "learning_rate",
            "noise, with new noise": "noise",
            "landscape, with new contours": "landscape",
        }.items():
            kinds[words] = page.evaluate(MEASURE, [REPEATS, name])
        browser.close()
    print(f"four rules, 500 steps, {REPEATS} changes each; a frame is {FRAME:.1f} ms")
    print(f"{'change':<30} {'median ms':>10} {'95 % ms':>9} {'of a frame':>11}")
    for words, times in kinds.items():
        late = statistics.quantiles(times, n=20)[-1]
        median = statistics.median(times)
        print(f"{words:<30} {median:>10.2f} {late:>9.2f} {late / FRAME:>11.2f}")


if __name__ == "__main__":
    main()
