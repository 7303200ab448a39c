"""SQL over HTTP: plan, run, results that are kept for a while and read in any order, saved statements, completion.

What lives here: the store of results (`store`), the operations on it. What may not: anything that understands SQL, or
runs it; that is `console.sql`, in a process of its own.
"""
