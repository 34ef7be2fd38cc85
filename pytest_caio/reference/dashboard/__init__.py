"""The reference dashboard: its routes and responses, and every decision that a fault may replace."""
