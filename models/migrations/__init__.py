"""Alembic migrations. ``storage.migrations`` runs them; this package only holds them."""
