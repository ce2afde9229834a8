"""The acceptance run: the scenarios of a release, by AWS's ordinary APIs and the CDK CLI alone.

``python -m acceptance run`` deploys the app of this checkout to wherever credentials and endpoint
lead, releases into it what is good and what is bad, asks AWS what its documents leave open, and
deletes everything again. It knows nothing of where it runs, apart from what AWS's APIs answer.
"""
