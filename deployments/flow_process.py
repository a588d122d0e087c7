"""One flow run in a process of its own: Prefect's engine, tied to the worker that started it.

Prefect gives such a process a pipe as its input that only the worker holds, so the worker's death, even by kill -9,
ends the run and every program it started.
"""

import os
import runpy

from deployments import lifeline

if __name__ == "__main__":
    os.setpgid(0, 0)
    lifeline.hold()
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
