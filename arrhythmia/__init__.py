"""Heartbeat classification in the ECG, beat by beat, with reasons.

Research software, not a medical device.
"""

__version__ = "0.1.0"
