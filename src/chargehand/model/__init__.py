"""Words: frozen values, states, errors. Nothing here does I/O, reads a clock or draws a random number."""
