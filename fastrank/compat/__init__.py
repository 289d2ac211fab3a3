"""Doors that look like other tools': the same options, the same output."""
