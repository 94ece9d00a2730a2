"""Probability distributions: on the line (numpy), and of points in d dimensions (torch, in `distributions.points`)."""

from labutils.distributions.line import BoltzmannLaw, MixtureLaw, check_weights, diffused_points
