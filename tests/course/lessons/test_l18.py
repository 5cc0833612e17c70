"""Hillstrom's trial: the figures of the first run, where the data are at hand."""

from __future__ import annotations

import pytest
from knowpay.collect.public.hillstrom import hillstrom
from knowpay.operate import mail_trial

pytestmark = pytest.mark.real_data("hillstrom")


@pytest.fixture(scope="module")
def customers():
    return hillstrom()


def test_the_control_arm_of_the_tutorial(customers):
    effects = mail_trial.contaminated(customers)
    assert effects.round(4).tolist() == [0.0452, 0.0069]


def test_the_qini_of_the_first_run(customers):
    mean = mail_trial.rankings(customers, splits=8).mean()
    # four standard errors of a mean of eight splits, first run s.d.
    for name, row in mail_trial.QINI.iterrows():
        assert mean[name] == pytest.approx(row["first run"], abs=4 * row["first run s.d."] / 8**0.5)
    assert mean.iloc[0] > mean.iloc[2] > mean.iloc[3]


def test_the_policies_of_the_first_run(customers):
    mean = mail_trial.policies(customers, splits=4).mean()
    assert (mean - mail_trial.POLICY).abs().max() < 0.006  # four standard errors of one half: 0.0029 / 2 x 4
