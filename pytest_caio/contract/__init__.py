"""The contract of a deployment: its paths, webhook providers, reports and signatures."""
