"""Tests and lessons run in the environment that the stored outputs were built in."""

import os

from knowpay.course.execute import ENVIRONMENT

os.environ.update(ENVIRONMENT)
