"""What the behaviours share: the server they are expected of, and ways to wait."""

import asyncio

import nats
from nats.js.api import StorageType, StreamConfig

BEHAVIOURS = []
PATIENCE = 20


def behaviour(function):
    BEHAVIOURS.append(function)
    return function


class Server:
    def __init__(self, url, version, is_embedded):
        self.url = url
        self.version = version
        self.is_embedded = is_embedded
        self.clients = []

    def offers(self, *version):
        """Whether it offers what came with this version of nats-server."""
        return self.version >= version

    async def client(self, **options):
        client = await nats.connect(self.url, **options)
        self.clients.append(client)
        return client

    async def close(self):
        for client in self.clients:
            if not client.is_closed:
                await client.close()

    async def clear(self):
        """Leaves nothing of one behaviour to the next."""
        client = await self.client()
        jetstream = client.jetstream()
        for stream in await jetstream.streams_info():
            await jetstream.delete_stream(stream.config.name)
        await self.close()
        self.clients = []


async def within(awaitable):
    return await asyncio.wait_for(awaitable, PATIENCE)


async def raises(kind, awaitable):
    try:
        await within(awaitable)
    except kind as error:
        return error
    raise AssertionError(f"{kind} was expected")


async def until(what, holds):
    for _ in range(PATIENCE * 50):
        if await holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"never: {what}")


async def settled(client):
    """Returns when the server has acted on everything that this client sent so far."""
    inbox = client.new_inbox()
    echo = await client.subscribe(inbox)
    await client.publish(inbox, b"")
    await echo.next_msg(timeout=PATIENCE)


async def stream(server, **options):
    client = await server.client()
    jetstream = client.jetstream()
    await jetstream.add_stream(StreamConfig(name="S", subjects=["s.>"], storage=StorageType.MEMORY, **options))
    return jetstream


async def fill(jetstream, count):
    for number in range(1, count + 1):
        ack = await jetstream.publish(f"s.{number}", str(number).encode())
        assert ack.seq == number, ack


def sequence(message):
    return message.metadata.sequence.stream


async def change(watch):
    """The next change. The mark that ends what was there before comes where the client's own timing puts it."""
    while True:
        entry = await watch.updates(timeout=PATIENCE)
        if entry is not None:
            return entry
