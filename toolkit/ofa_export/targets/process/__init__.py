"""Graph runners in a child process."""
