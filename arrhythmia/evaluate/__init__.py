"""Scores of predictions against a reference, and what is written beside a model."""
