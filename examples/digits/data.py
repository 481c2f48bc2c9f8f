"""Handwritten digits, 8 by 8 pixels each, that scikit-learn brings along; no download.

The split is the same everywhere, so that whoever measures the model uses images it never saw.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

PIXELS = 64
HELD_OUT_EVERY = 4


@dataclass(frozen=True, slots=True)
class Digits:
    """Images and what they show."""

    images: NDArray[np.float64]
    """Shape (n, 64): row by row, each pixel from 0 (blank) to 16."""
    labels: NDArray[np.int64]
    """Shape (n,): 0 to 9."""


def training_digits() -> Digits:
    """The three quarters of the images that a model may learn from."""
    return _select(held_out=False)


def held_out_digits() -> Digits:
    """The quarter of the images that no model has learnt from."""
    return _select(held_out=True)


def _select(*, held_out: bool) -> Digits:
    digits = load_digits()
    chosen = (np.arange(len(digits.target)) % HELD_OUT_EVERY == 0) == held_out
    return Digits(digits.data[chosen], digits.target[chosen])
