"""Databases that logs and ledgers are kept in: what they say against a statement becomes a sentence."""
