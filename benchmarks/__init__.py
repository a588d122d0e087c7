"""The measurements behind every performance figure, each printed as a ratio to a peer in the same run."""
