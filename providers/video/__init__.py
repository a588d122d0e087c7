"""Video generation: the move from a first frame to a last one."""
