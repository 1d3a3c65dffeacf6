"""The only door in the wall: the engine's environment, its worker process, and layers as tables."""
