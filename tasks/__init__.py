"""One file per step: resolve ids, call a provider, store, return ids. Retry policy lives here."""
