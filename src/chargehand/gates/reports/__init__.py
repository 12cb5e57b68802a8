"""What test programs say of the tests they ran."""
