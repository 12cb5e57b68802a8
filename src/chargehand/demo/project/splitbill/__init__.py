"""Who owes whom after a weekend together."""
