"""What takes how long: run by hand, on an idle machine."""
