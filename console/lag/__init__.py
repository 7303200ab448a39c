"""How far behind consumers are: status by Burrow's rules, rates, time, time to drain, and what retention will take.

What lives here: pure functions over commits and end offsets (`burrow`, `rates`, `lag_time`, `retention`), the windows a
sampler feeds (`tracker`), and one measurement over the wire for a group (`commit_log`, `measure`). What may not: a
database, and a clock: time is an argument.
"""
