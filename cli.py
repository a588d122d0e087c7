"""Command line."""


def main() -> None:
    """Run the `atelier` command."""
