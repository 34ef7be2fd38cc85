"""How the reference deployment is started: its process, its server, its Redis."""
