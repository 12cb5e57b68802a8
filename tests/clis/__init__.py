"""The real programs, end to end: through chargehand, against the scripted provider of tests/kit."""
