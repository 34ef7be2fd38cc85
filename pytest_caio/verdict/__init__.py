"""From the outcome of one test case to one verdict and the record of the run."""
