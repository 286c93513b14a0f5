"""Texts at random: each is a filter that can be written and read again, or refused with a column, and never anything else."""

from __future__ import annotations

from random import SystemRandom

import pytest

from tests.support.filters import fuzz


def fuzzed(seed: int, rounds: int) -> None:
    """Try so many texts and print the seed, with which the same texts come again."""
    print(f"seed {seed}")
    accepted, refused = fuzz(seed, rounds)
    # Neither all of the one kind nor of the other, or the texts would show nothing.
    assert accepted > rounds / 20
    assert refused > rounds / 20


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_thousand_texts_that_are_known_to_behave(seed: int) -> None:
    fuzzed(seed, 1000)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_texts_that_nobody_has_tried() -> None:
    fuzzed(SystemRandom().randrange(2**32), 50_000)
