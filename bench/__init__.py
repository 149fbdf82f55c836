"""Every speed claim, measured: ``make bench``, one run, one machine, one server with fsync on.

Figures are worth something as ratios within a run: each is shown beside pgbench's simple update on
the same server, and beside the target where there is one.
"""
