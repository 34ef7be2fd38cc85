"""The facts of a deployment: its paths, its webhook providers, its reports and its signatures."""
