"""Evidence: one finished, redacted record, and the writers that show it; they neither judge nor redact."""
