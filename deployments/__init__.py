"""What can be run, and where: launching the Prefect server, and the environment it needs."""
