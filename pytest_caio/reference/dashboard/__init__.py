"""The reference dashboard: what it answers, and every decision that a fault may replace."""
