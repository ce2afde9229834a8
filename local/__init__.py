"""The local cloud: the synthesized app, deployed and released on one machine without an account.

It drives synthesized output and AWS APIs only; it imports nothing of the library or the stacks.
"""
