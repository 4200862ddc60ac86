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
