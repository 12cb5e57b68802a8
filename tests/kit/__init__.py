"""A model provider for tests: it speaks the protocols that real agents speak, and follows a script instead of a model."""
