"""The release gate of a CAIO Alpha Swarm dashboard, as a pytest plugin."""
