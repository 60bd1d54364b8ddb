// The Quiz: radio buttons, an explanation for each choice, and a score that stays here.

function renderQuiz({ model, el }) {
  const question = model.get("question");
  const choices = model.get("choices");
  const group = newId();
  const key = `adam-quiz:${question}`;
  const words = element("p", { class: "adam-verdict", role: "status" });
  const inputs = choices.map((_, k) =>
    element("input", {
      type: "radio",
      name: group,
      value: k,
      "data-lm-suppress-shortcuts": "true",
      onchange() {
        answer.disabled = false;
        words.textContent = "";
      },
    }),
  );
  const labels = choices.map((choice, k) => element("label", {}, inputs[k], element("span", {}, choice.text)));
  const answer = button("Answer", () => {
    const k = inputs.findIndex((input) => input.checked);
    if (k < 0) return;
    const { right, why } = choices[k];
    show(k);
    const before = remembered(key);
    // What counts is the first try.
    if (before === null) remember(key, right ? "right" : "wrong");
    words.textContent = `${right ? "Right." : "Not so."} ${why}`;
    dispatchEvent(new CustomEvent("adam-score"));
  });
  answer.disabled = true;
  const score = element("p", { class: "adam-score" });

  function show(k) {
    labels.forEach((label, each) => {
      label.dataset.state = each !== k ? "" : choices[k].right ? "right" : "wrong";
    });
  }
  function count() {
    const quizzes = [...document.querySelectorAll(".adam-quiz")];
    const results = quizzes.map((quiz) => remembered(quiz.dataset.key));
    const tried = results.filter((result) => result !== null).length;
    const right = results.filter((result) => result === "right").length;
    score.textContent = tried ? `On this page: ${right} of ${quizzes.length} right at the first try.` : "";
    again.hidden = !tried;
  }
  const again = button("Forget my answers", () => {
    for (const quiz of document.querySelectorAll(".adam-quiz")) forget(quiz.dataset.key);
    dispatchEvent(new CustomEvent("adam-score"));
  });

  const root = element(
    "div",
    { class: "adam-quiz", "data-key": key },
    element("fieldset", {}, element("legend", {}, question), ...labels),
    element("div", { class: "adam-keep" }, answer),
    words,
    element("div", { class: "adam-keep" }, score, again),
  );
  el.append(root);
  addEventListener("adam-score", count);
  // Those that stand already count this one too.
  dispatchEvent(new CustomEvent("adam-score"));
  return () => {
    removeEventListener("adam-score", count);
    root.remove();
  };
}

// The reader's own machine may refuse to remember: then nothing is kept.
function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // not kept
  }
}
function forget(key) {
  try {
    localStorage.removeItem(key);
  } catch {
    // nothing was kept
  }
}
