"""The figures of a cluster under names that Prometheus and its dashboards know.

What lives here: the catalogue of names (`catalog`), the values of one snapshot (`families`) and their text
(`exposition`); all of it pure. What may not: HTTP (the web room serves the text) and the history, which keeps the same
values under the same names.
"""
