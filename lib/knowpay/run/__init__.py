"""`knowpay run`: what an export says, as decisions: a report to read, lists to act on, figures to check.

A section answers one question (`fit`, `money`, `people`): a figure, three lines (do, expect, change it if), how sure,
and what the data cannot say. `whole` runs them all and writes a folder. Sentences stand in ``words/en.yml``.
"""
