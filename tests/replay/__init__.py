"""Releases of real packages, replayed task by task. Shared by the tests and ``bench/replay.py``."""
