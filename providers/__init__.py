"""Everything that creates or understands media: one package per capability, one file per vendor. Prefect-free."""
