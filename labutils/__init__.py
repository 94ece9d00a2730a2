"""Helpers behind the diffusion labs: processes, checks, pictures.

Import the modules you need; this one imports nothing, so it costs nothing.
"""
