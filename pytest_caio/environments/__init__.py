"""What is asked for: profiles, env files and the rules that an environment's settings obey."""
