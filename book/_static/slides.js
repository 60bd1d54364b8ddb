// The slides: formulas first, then each slide is made to fit the stage, then reveal.js begins.

const STAGE = { width: 1280, height: 720 };
const SMALLEST = 0.6; // of the size it was meant to have

/** Make what is too high or too wide for its slide smaller. */
function fit() {
  document.body.classList.add("measuring");
  for (const slide of document.querySelectorAll(".slides > section > section")) {
    const body = slide.querySelector(".slide-body");
    if (!body) continue;
    const { top, right } = slide.getBoundingClientRect();
    const isTooLarge = () =>
      body.getBoundingClientRect().bottom > top + STAGE.height - 34 ||
      [...body.children].some((part) => part.getBoundingClientRect().right > right - 40);
    // Smaller text needs fewer lines: there is no saying beforehand how small it has to be.
    let scale = 1;
    while (scale > SMALLEST && isTooLarge()) {
      scale -= 0.02;
      body.style.zoom = scale;
    }
    slide.dataset.scale = scale.toFixed(2);
  }
  document.body.classList.remove("measuring");
}

/** Keys are the widget's own while one has the focus. */
const isElsewhere = () => !document.activeElement?.closest(".adam-widget, a");

async function begin() {
  await MathJax.startup.promise;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => null)));
  for (const widget of document.querySelectorAll(".adam-widget")) {
    widget.setAttribute("data-prevent-swipe", "");
  }
  fit();
  const deck = new Reveal(document.querySelector(".reveal"), {
    ...STAGE,
    margin: 0,
    center: false,
    hash: true,
    navigationMode: "linear",
    slideNumber: "c/t",
    transition: "none",
    backgroundTransition: "none",
    controlsTutorial: false,
    keyboardCondition: isElsewhere,
    plugins: [RevealNotes],
  });
  await deck.initialize();
  deck.addKeyBinding({ keyCode: 78, key: "N", description: "Notes beside the slide" }, () => {
    deck.configure({ showNotes: !deck.getConfig().showNotes });
  });
  globalThis.deck = deck;
}

begin();
