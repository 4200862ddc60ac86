"""Phones, and how often they are said."""

from __future__ import annotations

import numpy as np
import pytest

from asr.model.phone_head import PhoneHead


@pytest.fixture
def head():
    head = PhoneHead(3)
    head.build((None, None, 2))
    return head


def test_shares_count_a_blank_around_all_phones(head):
    head.learn_prior([(1, 2, 1), (), (2,)])
    # Blanks: 4 + 1 + 2; the third phone counts once although nobody said it.
    np.testing.assert_allclose(np.exp(head.log_prior), np.array([7, 2, 2, 1]) / 12)


def test_frequent_phones_have_no_advantage(head):
    states = np.random.default_rng(0).normal(size=(1, 4, 2)).astype("float32")
    logits = np.asarray(head(states))
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    for prior in (0.0, 1.0):  # uniform before anything was counted
        found = np.asarray(head.log_likelihoods(states, prior))
        np.testing.assert_allclose(found - log_probs, 0, atol=1e-6)
    head.learn_prior([(1, 1, 2), (1,)])
    found = np.asarray(head.log_likelihoods(states, 0.5))
    shares = np.array([6, 3, 1, 1]) / 11
    np.testing.assert_allclose(found, log_probs - 0.5 * np.log(shares), rtol=1e-5)
