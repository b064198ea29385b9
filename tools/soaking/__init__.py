"""The parts of the soak: what it does to its world, and what a program may hold."""
