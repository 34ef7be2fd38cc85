"""Files, processes, signals and threads of this machine; nothing here knows about deployments."""
