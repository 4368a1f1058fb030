"""Behaviours as nats-py sees them, each written once. Run by `python.rs`; the arguments are the URL of a server, the
major and minor number of its version, what it is (`weft` or `nats-server`), a module of this directory, and names of
behaviours, where not all of it are wanted. Each behaviour is one line of output: `ok NAME`, or `FAILED NAME` with the
reason below it."""

import asyncio
import importlib
import sys
import traceback

from harness import BEHAVIOURS, PATIENCE, Server


async def main():
    url, major, minor, kind, module = sys.argv[1:6]
    only = sys.argv[6:]
    importlib.import_module(module)
    failed = 0
    for run in BEHAVIOURS:
        if only and run.__name__ not in only:
            continue
        server = Server(url, (int(major), int(minor)), kind == "weft")
        try:
            await asyncio.wait_for(run(server), 3 * PATIENCE)
            print("ok", run.__name__, flush=True)
        except Exception:
            failed += 1
            print("FAILED", run.__name__, flush=True)
            traceback.print_exc(file=sys.stdout)
        await server.clear()
    sys.exit(1 if failed else 0)


asyncio.run(main())
