"""What a check declares: its id, its requests, its credentials."""
