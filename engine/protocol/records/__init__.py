"""Record batches, format v2: headers and checksums without touching records, records without a log, the four codecs.

What lives here: the bytes of a batch (KIP-98) and of control records. What may not: where batches are kept, which
offsets they get, whether a producer may write them.
"""
