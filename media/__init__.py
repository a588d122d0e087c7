"""Plain media functions everyone may call: sniff, probe, decode, orient, thumbnail, encode. No models, no vendors."""
