"""Traffic operations: campaigns that are planned, exported and judged.

Sits on collect, analyse and derive; nothing below imports it.
"""
