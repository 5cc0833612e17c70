"""Privacy: who may be in what leaves the house, what is kept for how long, and what a person may ask for.

`gate` is the one way out, `scrub` cleans free text, `pseudonyms` replaces ids, `anonymity` and `counts` make tables
about groups, `retention` and `subject` work on the files of an export.
"""
