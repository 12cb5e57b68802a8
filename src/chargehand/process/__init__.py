"""Starts programs, watches over them, and ends all they leave behind."""
