"""Writers of the finished, redacted record, and the ledger of runs. They neither judge nor redact."""
