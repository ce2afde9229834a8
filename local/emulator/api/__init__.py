"""AWS's APIs: requests and answers are held against its own models of them."""
