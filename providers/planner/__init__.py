"""Planning: from photos to scenes."""
