"""The model gateway: a small process that lets agents' requests out, counts what they use and stops them at the budget."""
