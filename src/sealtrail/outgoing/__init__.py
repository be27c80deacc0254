"""The doors on the way out: what the application itself calls, and the trace that goes along.

`sealtrail.outgoing.httpx`, `.requests` and `.urllib3` each import their library and nothing else. Every
request that goes out is an event of the kind `outbound`: each hop of a redirect, each attempt of a retry.
"""
