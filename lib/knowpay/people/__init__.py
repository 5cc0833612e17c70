"""Each business question answered once, for lessons and for the plan.

| question | answer |
|---|---|
| who may be seen, written to, sent something personal | `audience`, by the rule of `collect.privacy.permission` |
| what a paid order is; what a yuan leaves | `money` |
| what was known at a moment (arrival, not event time) | `known` |
| what a visit is | `visits` |
| what was known of each person at a moment | `snapshot.snapshot` |
"""
