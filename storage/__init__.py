"""Rows and bytes: database sessions, what is done to rows, and the object store. Prefect-free."""
