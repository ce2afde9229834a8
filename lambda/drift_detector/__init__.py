"""Finds a service that runs another image than the recorded one, and has that released."""
