"""Looks at a change that run nothing of it."""
