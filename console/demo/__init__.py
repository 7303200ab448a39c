"""The demo: the sample data of `sample_data/` in a cluster, and a gentle flow of more of it.

What may not live here: the data itself and its generators (`sample_data`), and printing.
"""
