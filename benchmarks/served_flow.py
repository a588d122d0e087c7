"""The peer of ``bench_kernel``: an empty flow served by Prefect's own ``flow.serve()``."""

from prefect import flow


@flow
def nothing() -> None:
    """Do nothing."""


if __name__ == "__main__":
    nothing.serve("nothing", print_starting_message=False)
