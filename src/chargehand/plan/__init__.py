"""Decisions, as pure functions of facts: what may start, in which order, and what to do after a failure."""
