"""What a client in another language may do at a lattice: `credentials.py URL CREDENTIALS [CA]`. Prints what came of it."""

import asyncio
import ssl
import sys

import nats
from nats.js.api import KeyValueConfig

PATIENCE = 20


async def main():
    url, credentials, *ca = sys.argv[1:]
    told = asyncio.Queue()

    async def tell(error):
        await told.put(error)

    options = {"user_credentials": credentials, "error_cb": tell, "connect_timeout": PATIENCE}
    if ca:
        options["tls"] = ssl.create_default_context(cafile=ca[0])
    try:
        client = await nats.connect(url, allow_reconnect=False, **options)
    except Exception as error:
        print("refused:", error)
        return

    async def answer(message):
        await message.respond(b"hello " + message.data)

    await client.subscribe("home.greet", cb=answer)
    print("answer:", (await client.request("home.greet", b"ada", timeout=PATIENCE)).data.decode())

    inbox = await client.subscribe(client.new_inbox())
    await client.publish("wasmbus.ctl.v1.default.host.ping", b"", reply=inbox.subject)
    await client.subscribe("wasmbus.evt.default.>")
    # Errors are told by a task of their own, so that they may come after the answer to a flush.
    host = asyncio.ensure_future(inbox.next_msg(timeout=PATIENCE))
    error = asyncio.ensure_future(told.get())
    await asyncio.wait({host, error}, return_when=asyncio.FIRST_COMPLETED)
    if error.done():
        host.cancel()
        print("told:", error.result())
    else:
        error.cancel()
        print("host answers:", b"friendly_name" in host.result().data)
        bucket = await client.jetstream().create_key_value(KeyValueConfig(bucket="python", history=3))
        revision = await bucket.put("key", b"value")
        entry = await bucket.get("key")
        print("bucket:", entry.value.decode(), entry.revision == revision)
    while True:
        try:
            print("told:", await asyncio.wait_for(told.get(), 1))
        except asyncio.TimeoutError:
            break
    await client.close()


asyncio.run(main())
