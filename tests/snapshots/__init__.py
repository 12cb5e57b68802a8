"""What every plain command prints, kept as text. ``UPDATE_SNAPSHOTS=1 pytest tests/snapshots`` writes it anew; read the diff."""
