"""Hypothesis without a time limit an example: on a busy machine a slow example says nothing about the code."""

from hypothesis import settings

settings.register_profile("pipetrail", deadline=None)
settings.load_profile("pipetrail")
