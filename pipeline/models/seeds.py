"""Seeds of single draws, each a function of the config's seed and its place alone."""

import numpy as np


def derive_seed(seed: int, *path: int) -> int:
    """Return the seed of one training, a function of the config's seed and its place alone."""
    return int(np.random.SeedSequence([seed, *path]).generate_state(1)[0])
