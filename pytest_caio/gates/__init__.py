"""What a gate looks at beside HTTP: Redis, file state, the golden set, the critical tests, the operator."""
