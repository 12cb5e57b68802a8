"""Programs of our own that are started as agents. They need nothing but Python, and print `chargehand.agents.ours`' lines."""
