"""The providers of rules, one module each."""
