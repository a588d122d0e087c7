"""Imported last by the server that forks the worker's children: what is loaded by now, they all share.

Garbage collection writes into every object it looks at, which would give each child a copy of its own; what is frozen
it leaves alone.
"""

import gc

gc.collect()
gc.freeze()
