"""The board: a run seen and steered from a terminal. The only room that imports textual."""
