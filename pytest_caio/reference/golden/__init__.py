"""The demo of the replay gate: a golden set of our own, and an agent that honestly tries to answer it."""
