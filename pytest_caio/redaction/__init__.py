"""Redaction: which values are secret, the encodings they may appear in, and the outputs that are redacted."""
