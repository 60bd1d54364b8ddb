"""Random numbers from a seed, with torch's global generators left as they were."""

from contextlib import contextmanager
from numbers import Integral

import torch


def check_seed(seed):
    """Refuse by name what is no seed."""
    if not isinstance(seed, Integral) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise ValueError(f"seed must be a whole number in [0, 2**63), got {seed!r}")


@contextmanager
def drawn_from(seed, device="cpu"):
    """Within this block what torch draws on the CPU and on a device comes from a seed."""
    check_seed(seed)
    device = torch.device(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        # Not torch.manual_seed: it would seed all devices, also those that are not restored.
        torch.random.default_generator.manual_seed(int(seed))
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(int(seed))
        yield


def random_state(device):
    """The state of the global generators, of the CPU and of a device, as a list of tensors."""
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def set_random_state(states, device):
    """Put back what `random_state` returned; a run may go on on another kind of device."""
    torch.set_rng_state(states[0])
    if device.type == "cuda" and len(states) > 1:
        torch.cuda.set_rng_state(states[1], device)
