"""The shell of a broker: what it owns and how it acts on it.

Partitions with their logs and leaders (`partition`, `replica_manager`), waiting produces and fetches (`delayed`,
`fetch_session`, `fetch_purgatory`), the followers' fetchers (`fetcher`), the way to the controller
(`controller_channel`, `isr_manager`, `lifecycle`), and the coordinators. All state belongs to the node's event loop;
there are no locks. What may not live here: decisions (they are in the pure cores) and the wire's details (handlers).
"""
