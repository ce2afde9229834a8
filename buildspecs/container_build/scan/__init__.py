"""The scan gate: decides by ECR's scan of the pushed image whether a build may go on.

==============  ================================================================
module          what it knows
==============  ================================================================
gate            the whole: waits, decides, reports
settings        what the project asks of the gate
images          which images stand behind a digest
findings        a finding, and a scan, whatever kind of scanning it comes from
basic           the findings of basic scanning
enhanced        those of Amazon Inspector
reading         a scan's pages, and whether they are all there
wait            how often a scan is asked for, and until when
decision        which findings block
report          the log's tables, the artifact, the verdict
==============  ================================================================

Whatever is not understood counts as no result, and a word for a severity that AWS does not list
blocks: the gate fails closed. It never starts a scan, since ECR allows one a day, which scan on
push has already used. Exit status of a build that it ends: 1 for a finding that blocks, 2 for a
scan without a readable result.
"""
