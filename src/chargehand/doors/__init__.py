"""The doors: rendering and input, one package each. They call the service and know nothing of each other."""
