"""Agents whose program is our own: text models, the Agent Client Protocol, the one on an agent library."""
