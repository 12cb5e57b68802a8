"""Every use case once. The doors call these functions and nothing below them."""
