import os

# The built-in validation of templates costs seconds for each synthesis. tests/test_app.py runs the
# whole app through the CLI with it; here it would only say the same again.
os.environ.setdefault("CDK_VALIDATION", "false")
