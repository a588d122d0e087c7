"""The HTTP API: a thin FastAPI over the rows. It submits runs and shows their state; it renders nothing."""
