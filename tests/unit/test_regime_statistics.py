"""The statistics against textbook figures and figures worked by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from analytics.regimes.statistics import (
    block_weights,
    percentile_interval,
    resampled_medians,
    sign_agreement,
    spearman,
    top_overlap,
    wilson,
    windows_that_fit,
)

# ---- Wilson --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        # by hand with z² = 3.8415: (0.5 + 1.92073/10) / 1.38415 ± 1.96/1.38415 · √(0.025 + 0.0096036)
        (5, 10, 0.2366, 0.7634),
    ],
)
def test_wilson_is_the_textbook_interval(hits: int, trials: int, low: float, high: float):
    assert wilson(hits / trials, trials) == pytest.approx((low, high), abs=5e-5)


def test_wilson_stays_inside_zero_and_one():
    assert wilson(0.0, 3) == pytest.approx((0.0, 0.5615), abs=5e-5)
    assert wilson(1.0, 3) == pytest.approx((0.4385, 1.0), abs=5e-5)


def test_wilson_of_no_trial_is_nothing():
    assert wilson(0.0, 0) is None


# ---- Spearman ------------------------------------------------------------------------------------------------------


def test_spearman_of_the_textbook_example():
    """IQ and hours of television of ten people: 1 - 6·194 / (10·99) = -29/165."""
    iq = pl.Series([106, 86, 100, 101, 99, 103, 97, 113, 112, 110])
    hours = pl.Series([7, 0, 27, 50, 28, 29, 20, 12, 6, 17])
    assert spearman(iq, hours) == pytest.approx(-29 / 165)


def test_spearman_with_ties_by_hand():
    """Ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4: covariance 4.5, squares 4.5 and 5, so 4.5 / √22.5."""
    assert spearman(pl.Series([10, 20, 20, 30]), pl.Series([1, 8, 5, 9])) == pytest.approx(4.5 / 22.5**0.5)


def test_spearman_leaves_out_pairs_that_lack_a_side():
    left = pl.Series([1.0, None, 2.0, 3.0, 9.0])
    right = pl.Series([1.0, 5.0, 2.0, 3.0, None])
    assert spearman(left, right) == pytest.approx(1.0)


def test_spearman_of_a_constant_or_of_two_pairs_is_nothing():
    assert spearman(pl.Series([0, 0, 0, 0]), pl.Series([1, 2, 3, 4])) is None
    assert spearman(pl.Series([1, 2]), pl.Series([1, 2])) is None


# ---- signs and tops ------------------------------------------------------------------------------------------------


def test_sign_agreement_counts_only_pairs_in_which_both_move():
    left = pl.Series([1.0, -1.0, 0.0, 2.0, 3.0, None])
    right = pl.Series([0.5, -2.0, 1.0, -1.0, 0.0, 1.0])
    assert sign_agreement(left, right) == (pytest.approx(2 / 3), 3)
    assert sign_agreement(pl.Series([0.0]), pl.Series([1.0])) == (None, 0)


def test_top_overlap_without_ties():
    left = pl.Series(range(20))
    right = pl.Series([*range(18), 100, 0])  # its top two are the last but one, and 17: the score's are the last two
    assert top_overlap(left, right) == (0.5, 20)


def test_top_overlap_shares_the_places_among_ties():
    """The top two of the score: 9 has a place, the four 5s divide the other. The index puts 9 and one 5 on top."""
    score = pl.Series([9, 5, 5, 5, 5, *[0] * 15])
    index = pl.Series([50.0, 40.0, *[1.0] * 18])
    assert top_overlap(score, index) == (pytest.approx((1 + 1 / 4) / 2), 20)


def test_top_overlap_of_a_score_that_never_moves_is_chance():
    assert top_overlap(pl.Series([0] * 20), pl.Series(range(20))) == (pytest.approx(0.1), 20)


# ---- windows and resamples -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("positions", "length", "count"),
    [
        ([], 5, 0),
        ([3], 5, 1),
        ([0, 1, 2, 3, 4], 5, 1),
        ([0, 1, 2, 3, 4, 5], 5, 2),
        ([0, 3, 5, 9, 10, 30], 5, 4),  # 0, 5, 10, 30
    ],
)
def test_windows_that_fit(positions: list[int], length: int, count: int):
    assert windows_that_fit(np.array(positions, dtype=np.int64), length) == count


def test_block_weights_lay_whole_blocks_in_a_circle():
    """Ten sessions in blocks of four: two whole ones and one of two, each session as often as blocks cover it."""
    weights = block_weights(10, 4, 50, seed=1)
    starts = np.random.default_rng(1).integers(0, 10, size=(3, 50))
    for column in range(50):
        expected = np.zeros(10, dtype=int)
        for start, length in zip(starts[:, column], (4, 4, 2), strict=True):
            for step in range(length):
                expected[(start + step) % 10] += 1
        assert weights[:, column].tolist() == expected.tolist()
    assert (weights.sum(axis=0) == 10).all()


def test_block_weights_are_the_same_for_the_same_seed():
    assert (block_weights(100, 21, 20, seed=7) == block_weights(100, 21, 20, seed=7)).all()
    assert (block_weights(100, 21, 20, seed=7) != block_weights(100, 21, 20, seed=8)).any()


def test_blocks_as_long_as_the_sample_leave_it_as_it_is():
    assert (block_weights(30, 252, 5, seed=3) == 1).all()


def test_resampled_medians_are_medians_of_the_resamples():
    """Values 5, 1, 3 drawn (2, 1, 0), (1, 1, 1), (0, 0, 0) and (1, 1, 0) times."""
    weights = np.array([[2, 1, 0, 1], [1, 1, 0, 1], [0, 1, 0, 0]], dtype=np.int16)
    medians = resampled_medians(np.array([5.0, 1.0, 3.0]), weights)
    assert medians[[0, 1, 3]].tolist() == [5.0, 3.0, 3.0]  # of 1 5 5, of 1 3 5, of 1 5
    assert np.isnan(medians[2])


def test_resampled_medians_against_the_slow_way():
    values = np.random.default_rng(5).normal(size=40)
    weights = block_weights(40, 5, 30, seed=9)
    slow = [np.median(np.repeat(values, weights[:, column])) for column in range(30)]
    assert resampled_medians(values, weights) == pytest.approx(np.array(slow))


def test_percentile_interval_by_hand():
    """Of 0, 1 … 40 the 2.5 % point is 1 and the 97.5 % point is 39."""
    assert percentile_interval(np.arange(41.0)) == (1.0, 39.0)
    assert percentile_interval(np.array([np.nan, 2.0, np.nan])) == (2.0, 2.0)
    assert percentile_interval(np.array([np.nan])) is None
