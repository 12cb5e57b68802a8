"""Chance for the mind: numbers that are drawn from a seed, so that the same question always has the same answer.

The generator is splitmix64 (Steele, Lea, Flood 2014): a counter that is scrambled. It is small, it has no bad seeds, and it passes
the usual batteries; nothing secret is made of it.
"""

from __future__ import annotations

from math import cos, log, pi, sqrt

_MASK = (1 << 64) - 1


class Dice:
    """A stream of numbers; equal seeds give equal streams."""

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def uniform(self) -> float:
        """From 0 to 1, never 1."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((mixed ^ (mixed >> 31)) >> 11) / (1 << 53)

    def normal(self) -> float:
        """From the normal distribution with mean 0 and deviation 1."""
        return sqrt(-2.0 * log(1.0 - self.uniform())) * cos(2.0 * pi * self.uniform())
