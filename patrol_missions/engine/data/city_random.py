"""Random numbers for the sample city, all made from uniform draws of one documented bit generator.

The methods of ``numpy.random.Generator`` other than ``random`` may change their streams between numpy versions; here
every other law is derived from uniform draws, so that a seed means the same city everywhere.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft2, rfft2
from scipy.ndimage import fourier_gaussian
from scipy.special import ndtri

LAYOUT, PLACES, RESIDUALS, EVENTS, BACKGROUND, OFFSPRING, POSITIONS, MESS = range(8)
"""Independent streams of one seed, so that the mess of the file, for one, never changes what happened in the city."""


def stream(seed: int, *key: int) -> np.random.Generator:
    """The random stream of a purpose (and, further, of a category) under a seed."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *key])))


def normal(rng: np.random.Generator, shape: int | tuple[int, ...]) -> np.ndarray:
    """Standard normal draws by inversion."""
    return np.asarray(ndtri((rng.random(shape) * (2**53 - 2) + 1.0) / 2**53))


def exponential(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draws of mean 1 by inversion."""
    return np.asarray(-np.log1p(-rng.random(count)))


def unit_process(rng: np.random.Generator, length: float) -> np.ndarray:
    """Points of a Poisson process of rate 1 on ``[0, length)``, ascending: the sums of exponential gaps."""
    points = np.empty(0)
    last = 0.0
    while last < length:
        missing = length - last
        more = last + np.cumsum(exponential(rng, int(missing + 6.0 * np.sqrt(missing) + 20.0)))
        points = np.concatenate([points, more])
        last = float(points[-1])
    return points[: int(np.searchsorted(points, length))]


def pick(rng: np.random.Generator, weights: np.ndarray, count: int) -> np.ndarray:
    """Indices drawn with replacement in proportion to the weights."""
    cumulative = np.cumsum(weights, dtype=np.float64)
    found = np.searchsorted(cumulative, rng.random(count) * cumulative[-1], side="right")
    return np.asarray(np.minimum(found, len(cumulative) - 1))


def smooth_field(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> np.ndarray:
    """A Gaussian random field of mean 0 and variance 1 on a raster (a torus), smooth over ``scale`` pixels."""
    field = irfft2(fourier_gaussian(rfft2(normal(rng, shape)), scale, n=shape[1]), s=shape)
    return np.asarray((field - field.mean()) / max(float(field.std()), 1e-12))
