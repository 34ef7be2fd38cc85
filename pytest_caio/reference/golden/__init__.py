"""The demo of the replay gate: a golden set, and an agent that answers it without its expectations."""
