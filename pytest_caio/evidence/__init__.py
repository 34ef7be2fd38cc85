"""Writers of the finished, redacted record: HTML, JSON and terminal. They neither judge nor redact."""
