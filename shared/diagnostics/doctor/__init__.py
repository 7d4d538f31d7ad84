"""The doctor: checks whether the set-up is right, and says what to do where it is not."""
