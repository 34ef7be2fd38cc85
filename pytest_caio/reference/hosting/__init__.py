"""Hosting of the reference deployment: its process, its web server, its Redis server."""
