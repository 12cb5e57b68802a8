"""What `chargehand doctor` and `chargehand init` find."""
