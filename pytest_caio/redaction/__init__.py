"""What is secret, in which encodings it could appear, and the ways out at which it is redacted."""
