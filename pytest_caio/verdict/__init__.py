"""From the outcome of each test case to the verdict and the record of the run."""
