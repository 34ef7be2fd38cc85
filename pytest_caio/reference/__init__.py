"""The reference deployment: a dashboard that follows the contract, and that faults make break it."""
