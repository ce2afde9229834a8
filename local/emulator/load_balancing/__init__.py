"""Load balancers that carry traffic: requests to a listener reach the containers behind it."""
