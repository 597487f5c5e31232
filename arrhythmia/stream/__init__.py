"""Beats classified while they are recorded: `StreamClassifier`."""

from arrhythmia.stream.alarms import StreamEvent
from arrhythmia.stream.classifier import StreamBeat, StreamClassifier

__all__ = ["StreamBeat", "StreamClassifier", "StreamEvent"]
