"""Phones, and how often they are said."""

from __future__ import annotations

import numpy as np
import pytest

from asr.model.ctc_heads import PhoneHead


@pytest.fixture
def head():
    head = PhoneHead(3)
    head.build((None, None, 2))
    return head


def test_shares_count_a_blank_around_all_phones(head):
    head.count_prior([(1, 2, 1), (), (2,)])
    # Blanks: 4 + 1 + 2; the third phone counts once although nobody said it.
    np.testing.assert_allclose(np.exp(head.log_prior), np.array([7, 2, 2, 1]) / 12)


def test_frequent_phones_have_no_advantage(head):
    states = np.random.default_rng(0).normal(size=(1, 4, 2)).astype("float32")
    weights = np.exp(np.asarray(head(states)))
    for prior in (0.0, 1.0):  # uniform before anything was counted
        found = np.exp(head.log_probs(states, prior))
        expected = weights / weights.sum(-1, keepdims=True)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    head.count_prior([(1, 1, 2), (1,)])
    weights /= np.sqrt([6, 3, 1, 1])
    found = np.exp(head.log_probs(states, 0.5))
    expected = weights / weights.sum(-1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
