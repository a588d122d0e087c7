"""The vocabulary: tables, requests, small media values, errors and provider names. Imports nothing of ours."""
