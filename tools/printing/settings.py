"""The settings of a widget in words, since on paper there are no sliders to read them from."""

from adam_course.optimizers import OPTIMIZERS
from adam_course.widgets.assets import landscape_data

SYMBOLS = {
    "learning_rate": "α",
    "beta1": "β₁",
    "beta2": "β₂",
    "epsilon": "ε",
    "momentum": "momentum",
    "weight_decay": "weight decay",
}


def settings_of(kind, state):
    """One sentence or more about an explorer or a microscope; empty for another widget."""
    if kind == "explorer":
        return " ".join([surroundings(state), *(of_rule(rule, state) for rule in state["rules"])])
    if kind == "microscope":
        return f"Step {state['step']} of {len(state['gradients'])}. {of_rule('Adam', state)}"
    return ""


def number(value):
    return f"{value:g}".replace("e-0", "e-").replace("-", "−")


def surroundings(state):
    """Where the runs are, from where, and how far."""
    where = landscape_data()[state["landscape"]]["label"]
    if state["landscape"] == "quadratic":
        where += f" of condition {number(state['condition'])}"
        if state["rotation"]:
            where += f", turned by {number(state['rotation'])}°"
    x, y = map(number, state["start"])
    words = f"{where}; from ({x}, {y}) {state['steps']} steps, step {state['step']} marked"
    for name in ("noise", "sparsity"):
        if state[name]:
            words += f"; {name} {number(state[name])}"
    if state["noise"] or state["sparsity"]:
        words += f", seed {state['seed']}"
    return f"{words}."


def of_rule(rule, state):
    """The hyperparameters of one rule: those that it shares with all, and its own."""
    values = {**state, **state.get("settings", {}).get(rule, {})}
    named = [
        f"{SYMBOLS[name]} = {number(values[name])}"
        for name in OPTIMIZERS[rule]().hyperparameters
        if name in SYMBOLS and name in values
    ]
    return f"{rule}: {', '.join(named)}."
