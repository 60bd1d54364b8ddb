"""The ranges of the widgets' numbers: for the traits here and for addresses in the browser."""

# Low, high, and whether the number is whole.
_HYPERPARAMETERS = {
    "learning_rate": (0, 1e6, False),
    "beta1": (0, 0.999999, False),
    "beta2": (0, 0.999999, False),
    "epsilon": (0, 1, False),
}

RANGES = {
    "explorer": {
        **_HYPERPARAMETERS,
        "condition": (1, 1e6, False),
        "rotation": (-90, 90, False),
        "momentum": (0, 0.999999, False),
        "weight_decay": (0, 10, False),
        "noise": (0, 1000, False),
        "sparsity": (0, 0.99, False),
        "seed": (0, 2**32 - 1, True),
        "steps": (1, 5000, True),
        "step": (0, 5000, True),
        "start": (-1e6, 1e6, False),
    },
    "microscope": {
        **_HYPERPARAMETERS,
        "gradients": (-1e12, 1e12, False),
        "step": (1, 200, True),
    },
    "quiz": {},
}
