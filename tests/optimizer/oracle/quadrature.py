"""Adaptive Gauss-Legendre quadrature with nodes found by Newton's method; nothing imported."""

import math
from collections.abc import Callable
from functools import cache

N_POINTS = 10
MAX_DEPTH = 40


@cache
def gauss_legendre(n: int) -> tuple[tuple[float, float], ...]:
    """(node, weight) pairs on [-1, 1]; roots of the Legendre polynomial by Newton's method."""
    pairs = []
    for i in range(n):
        x = math.cos(math.pi * (i + 0.75) / (n + 0.5))
        for _ in range(100):
            value, slope = _legendre(n, x)
            step = value / slope
            x -= step
            if abs(step) < 1e-16:
                break
        _, slope = _legendre(n, x)
        pairs.append((x, 2.0 / ((1.0 - x * x) * slope * slope)))
    return tuple(pairs)


def _legendre(n: int, x: float) -> tuple[float, float]:
    """P_n(x) and its derivative, by the three-term recurrence."""
    before, value = 1.0, x
    for degree in range(2, n + 1):
        before, value = value, ((2 * degree - 1) * x * value - (degree - 1) * before) / degree
    return value, n * (x * value - before) / (x * x - 1.0)


def integrate(
    f: Callable[[float], float], low: float, high: float, relative_error: float = 1e-12
) -> float:
    """The integral of a smooth f over [low, high]: halve until two halves agree with the whole."""
    if high == low:
        return 0.0
    return _refine(f, (low, high), _panel(f, low, high), relative_error, MAX_DEPTH)


def _panel(f: Callable[[float], float], low: float, high: float) -> float:
    half, middle = (high - low) / 2, (high + low) / 2
    return half * math.fsum(w * f(middle + half * x) for x, w in gauss_legendre(N_POINTS))


def _refine(
    f: Callable[[float], float],
    ends: tuple[float, float],
    whole: float,
    relative_error: float,
    depth: int,
) -> float:
    low, high = ends
    middle = (low + high) / 2
    left, right = _panel(f, low, middle), _panel(f, middle, high)
    if abs(left + right - whole) <= relative_error * abs(left + right):
        return left + right
    if depth == 0:
        raise ArithmeticError(f"no convergence on [{low}, {high}]: {whole} against {left + right}")
    return _refine(f, (low, middle), left, relative_error, depth - 1) + _refine(
        f, (middle, high), right, relative_error, depth - 1
    )
