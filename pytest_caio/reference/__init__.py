"""The reference deployment: a dashboard that follows the contract, and can be told to break it."""
