"""What `chargehand demo` works on: a small Python project with a spec, and the script its agent plays."""
