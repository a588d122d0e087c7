"""One file per workflow, each readable as one sentence of the product."""
