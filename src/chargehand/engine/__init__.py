"""The loop: decide, act, record; and taking up what a crash left."""
