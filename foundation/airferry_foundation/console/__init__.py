"""What people and scripts see: answers, live progress, errors. Used by the command lines alone."""
