"""Behaviours as nats-py sees them, each written once. Run by `python.rs`: URL and version of the server are the
arguments, and each behaviour is one line of output: `ok NAME`, or `FAILED NAME` with the reason below it."""

import asyncio
import io
import sys
import traceback

import nats
from nats.errors import NoRespondersError, TimeoutError as NatsTimeout
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, KeyValueConfig, ObjectMeta, StorageType, StreamConfig
from nats.js.errors import APIError, BadRequestError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.errors import NotFoundError, ObjectDeletedError, ObjectNotFoundError

BEHAVIOURS = []
PATIENCE = 20


def behaviour(function):
    BEHAVIOURS.append(function)
    return function


class Server:
    def __init__(self, url, version):
        self.url = url
        self.version = version
        self.clients = []

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
    raise AssertionError(f"{kind.__name__} was expected")


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


# Core


@behaviour
async def messages_arrive_in_order(server):
    publisher, receiver = await server.client(), await server.client()
    messages = await receiver.subscribe("a.*")
    await settled(receiver)
    for number in range(500):
        await publisher.publish(f"a.{number}", str(number).encode())
    await publisher.flush()
    for number in range(500):
        message = await messages.next_msg(timeout=PATIENCE)
        assert (message.subject, message.data) == (f"a.{number}", str(number).encode())


@behaviour
async def headers_arrive(server):
    client = await server.client()
    messages = await client.subscribe("h")
    await client.publish("h", b"x", headers={"Color": "blue", "Long": "v" * 1000})
    message = await messages.next_msg(timeout=PATIENCE)
    assert message.headers == {"Color": "blue", "Long": "v" * 1000}, message.headers


@behaviour
async def a_queue_group_shares_the_work(server):
    client = await server.client()
    counts = [0, 0]

    def count(member):
        async def receive(_):
            counts[member] += 1

        return receive

    for member in range(2):
        await client.subscribe("q", queue="g", cb=count(member))
    for _ in range(100):
        await client.publish("q", b"")
    await client.flush()

    async def all_arrived():
        return sum(counts) == 100

    await until("all arrived", all_arrived)
    assert min(counts) > 0, counts


@behaviour
async def requests_are_answered(server):
    asking, answering = await server.client(), await server.client()

    async def double(message):
        await message.respond(message.data * 2)

    await answering.subscribe("double", cb=double)
    await settled(answering)
    answers = await within(asyncio.gather(*[asking.request("double", b"%d." % n, timeout=PATIENCE) for n in range(50)]))
    assert [answer.data for answer in answers] == [b"%d.%d." % (n, n) for n in range(50)]


@behaviour
async def a_request_without_responders_fails_at_once(server):
    client = await server.client()
    await raises(NoRespondersError, client.request("nobody", b"", timeout=PATIENCE))
    silent = await client.subscribe("silent")
    await raises(NatsTimeout, client.request("silent", b"", timeout=0.05))
    await silent.unsubscribe()


@behaviour
async def one_request_can_have_many_answers(server):
    client = await server.client()

    async def answer(message):
        for number in range(5):
            await client.publish(message.reply, b"%d" % number)

    await client.subscribe("many", cb=answer)
    inbox = client.new_inbox()
    answers = await client.subscribe(inbox)
    await client.publish("many", b"", reply=inbox)
    for number in range(5):
        assert (await answers.next_msg(timeout=PATIENCE)).data == b"%d" % number


@behaviour
async def a_subscription_ends_after_its_last_message(server):
    client = await server.client()
    messages = await client.subscribe("u")
    await messages.unsubscribe(limit=2)
    for number in range(4):
        await client.publish("u", b"%d" % number)
    await client.flush()
    assert [(await messages.next_msg(timeout=PATIENCE)).data for _ in range(2)] == [b"0", b"1"]


@behaviour
async def a_drained_client_loses_nothing(server):
    publisher, receiver = await server.client(), await server.client()
    received = []

    async def receive(message):
        received.append(message.data)

    await receiver.subscribe("d", cb=receive)
    await settled(receiver)
    for number in range(300):
        await publisher.publish("d", b"%d" % number)
    await settled(publisher)
    await within(receiver.drain())
    assert len(received) == 300, len(received)
    assert receiver.is_closed


@behaviour
async def a_lost_connection_is_taken_up_again(server):
    again = asyncio.Event()

    async def reconnected():
        again.set()

    client = await server.client(reconnected_cb=reconnected, reconnect_time_wait=0.01)
    messages = await client.subscribe("r")
    await client.flush()
    client._transport._io_writer.transport.abort()
    await within(again.wait())
    await client.publish("r", b"after")
    assert (await messages.next_msg(timeout=PATIENCE)).data == b"after"


@behaviour
async def large_messages_arrive_whole(server):
    client = await server.client()
    messages = await client.subscribe("big")
    payload = bytes(range(256)) * 4096
    await client.publish("big", payload)
    assert (await messages.next_msg(timeout=PATIENCE)).data == payload
    await raises(nats.errors.MaxPayloadError, client.publish("big", payload + b"x"))


# Streams


@behaviour
async def a_stream_stores_and_tells_its_state(server):
    jetstream = await stream(server)
    await fill(jetstream, 5)
    info = await jetstream.stream_info("S")
    assert (info.state.messages, info.state.first_seq, info.state.last_seq) == (5, 1, 5), info.state
    message = await jetstream.get_msg("S", 3)
    assert (message.subject, message.data) == ("s.3", b"3")
    assert (await jetstream.get_last_msg("S", "s.5")).seq == 5
    await raises(NotFoundError, jetstream.get_msg("S", 99))
    assert await jetstream.delete_msg("S", 3)
    await jetstream.purge_stream("S", keep=1)
    info = await jetstream.stream_info("S")
    assert (info.state.messages, info.state.first_seq) == (1, 5)
    assert await jetstream.find_stream_name_by_subject("s.x") == "S"
    await jetstream.delete_stream("S")
    await raises(NotFoundError, jetstream.stream_info("S"))


@behaviour
async def publishers_say_what_they_expect(server):
    jetstream = await stream(server)
    headers = {"Nats-Msg-Id": "one"}
    assert not (await jetstream.publish("s.a", b"", headers=headers)).duplicate
    assert (await jetstream.publish("s.a", b"", headers=headers)).duplicate
    error = await raises(APIError, jetstream.publish("s.a", b"", headers={"Nats-Expected-Last-Sequence": "7"}))
    assert error.err_code == 10071, error
    error = await raises(APIError, jetstream.publish("s.a", b"", headers={"Nats-Expected-Stream": "T"}))
    assert error.err_code == 10060, error


@behaviour
async def a_stream_that_cannot_be_is_refused(server):
    jetstream = await stream(server)
    error = await raises(BadRequestError, jetstream.add_stream(name="T", subjects=["s.*"]))
    assert error.err_code == 10065, error


# Consumers


@behaviour
async def batches_are_fetched(server):
    jetstream = await stream(server)
    await fill(jetstream, 10)
    consumer = await jetstream.pull_subscribe("s.>", durable="c")
    messages = await consumer.fetch(4, timeout=PATIENCE)
    assert [sequence(message) for message in messages] == [1, 2, 3, 4]
    for message in messages:
        await message.ack_sync(timeout=PATIENCE)
    info = await consumer.consumer_info()
    assert (info.num_pending, info.num_ack_pending, info.ack_floor.stream_seq) == (6, 0, 4), info
    assert len(await consumer.fetch(100, timeout=0.5)) == 6
    await raises(NatsTimeout, consumer.fetch(1, timeout=0.2))


@behaviour
async def a_fetch_waits_with_heartbeats(server):
    jetstream = await stream(server)
    consumer = await jetstream.pull_subscribe("s.>", durable="c")
    fetch = asyncio.create_task(consumer.fetch(1, timeout=PATIENCE, heartbeat=0.1))

    async def it_waits():
        return (await consumer.consumer_info()).num_waiting == 1

    await until("it waits", it_waits)
    await jetstream.publish("s.a", b"x")
    assert [message.data for message in await within(fetch)] == [b"x"]


@behaviour
async def refused_messages_come_again(server):
    jetstream = await stream(server)
    await fill(jetstream, 3)
    consumer = await jetstream.pull_subscribe("s.>", durable="c")
    first, second, third = await consumer.fetch(3, timeout=PATIENCE)
    await first.nak(delay=0.1)
    await second.in_progress()
    await second.ack()
    await third.term()
    (again,) = await consumer.fetch(1, timeout=PATIENCE)
    assert (sequence(again), again.metadata.num_delivered) == (1, 2)
    await again.ack_sync(timeout=PATIENCE)
    info = await consumer.consumer_info()
    assert (info.num_ack_pending, info.num_pending) == (0, 0), info


@behaviour
async def messages_are_pushed(server):
    jetstream = await stream(server)
    await fill(jetstream, 3)
    messages = await jetstream.subscribe("s.>", durable="p", manual_ack=True)
    for expected in (1, 2, 3):
        message = await messages.next_msg(timeout=PATIENCE)
        assert sequence(message) == expected
        await message.ack()
    await jetstream.publish("s.x", b"x")
    assert sequence(await messages.next_msg(timeout=PATIENCE)) == 4


@behaviour
async def a_group_shares_what_is_pushed(server):
    jetstream = await stream(server)
    seen = []

    async def receive(message):
        seen.append(sequence(message))
        await message.ack()

    for _ in range(2):
        await jetstream.subscribe("s.>", queue="workers", durable="workers", cb=receive, manual_ack=True)
    await fill(jetstream, 30)

    async def all_arrived():
        return len(seen) == 30

    await until("all arrived", all_arrived)
    assert sorted(seen) == list(range(1, 31))


@behaviour
async def an_ordered_consumer_keeps_the_order_under_flow_control(server):
    jetstream = await stream(server)
    payload = b"x" * 16384
    for _ in range(100):
        await jetstream.publish("s.a", payload)
    messages = await jetstream.subscribe("s.a", ordered_consumer=True)
    for expected in range(1, 101):
        message = await messages.next_msg(timeout=PATIENCE)
        assert sequence(message) == expected, (sequence(message), expected)


@behaviour
async def consumers_are_managed(server):
    jetstream = await stream(server)
    await fill(jetstream, 3)
    config = ConsumerConfig(durable_name="c", ack_policy=AckPolicy.EXPLICIT, deliver_policy=DeliverPolicy.LAST)
    info = await jetstream.add_consumer("S", config)
    assert (info.name, info.num_pending) == ("c", 1), info
    assert [consumer.name for consumer in await jetstream.consumers_info("S")] == ["c"]
    await raises(NotFoundError, jetstream.consumer_info("S", "none"))
    assert await jetstream.delete_consumer("S", "c")
    await raises(NotFoundError, jetstream.consumer_info("S", "c"))


# Buckets


async def change(watch):
    """The next change. The mark that ends what was there before comes where the client's own timing puts it."""
    while True:
        entry = await watch.updates(timeout=PATIENCE)
        if entry is not None:
            return entry


async def bucket(server, **options):
    client = await server.client()
    return await client.jetstream().create_key_value(KeyValueConfig(bucket="b", **options))


@behaviour
async def values_are_put_and_got(server):
    kv = await bucket(server)
    await raises(KeyNotFoundError, kv.get("k"))
    first = await kv.put("k", b"one")
    assert (await kv.get("k")).value == b"one"
    second = await kv.update("k", b"two", last=first)
    await raises(KeyWrongLastSequenceError, kv.update("k", b"late", last=first))
    await raises(KeyWrongLastSequenceError, kv.create("k", b"late"))
    assert (await kv.get("k")).revision == second
    await kv.delete("k")
    await raises(KeyNotFoundError, kv.get("k"))
    await kv.create("k", b"again")
    assert await kv.keys() == ["k"]


@behaviour
async def the_history_of_a_key_is_kept(server):
    kv = await bucket(server, history=3)
    for value in (b"1", b"2", b"3", b"4"):
        await kv.put("k", value)
    await kv.delete("k")
    entries = await kv.history("k")
    assert [(entry.value or b"", entry.operation) for entry in entries] == [(b"3", None), (b"4", None), (b"", "DEL")], entries
    await kv.purge("k")
    assert [entry.operation for entry in await kv.history("k")] == ["PURGE"]


@behaviour
async def watchers_see_changes(server):
    kv = await bucket(server, history=5)
    await kv.put("a", b"1")
    watch = await kv.watchall()
    entry = await change(watch)
    assert (entry.key, entry.value) == ("a", b"1"), entry
    await kv.put("b", b"2")
    await kv.delete("a")
    await kv.purge("b")
    seen = [await change(watch) for _ in range(3)]
    assert [(entry.key, entry.operation) for entry in seen] == [("b", None), ("a", "DEL"), ("b", "PURGE")], seen
    await watch.stop()


@behaviour
async def values_expire(server):
    kv = await bucket(server, ttl=1)
    await kv.put("k", b"1")

    async def it_is_gone():
        try:
            await kv.get("k")
        except KeyNotFoundError:
            return True
        return False

    await until("it is gone", it_is_gone)


@behaviour
async def a_bucket_tells_its_state(server):
    kv = await bucket(server, history=4)
    for key in ("a", "b", "a"):
        await kv.put(key, b"x")
    status = await kv.status()
    assert (status.bucket, status.values, status.history) == ("b", 3, 4), status


# Objects


@behaviour
async def objects_are_put_got_listed_and_deleted(server):
    client = await server.client()
    store = await client.jetstream().create_object_store("b")
    data = bytes(range(256)) * 2000
    info = await store.put("big", io.BytesIO(data), meta=ObjectMeta(description="d"))
    assert (info.size, info.chunks) == (len(data), -(-len(data) // 131072)), info
    assert (await store.get("big")).data == data
    await store.put("small", b"x")
    assert sorted(entry.name for entry in await store.list()) == ["big", "small"]
    await store.delete("big")
    await raises((ObjectDeletedError, ObjectNotFoundError), store.get("big"))
    assert [entry.name for entry in await store.list() if not entry.deleted] == ["small"]
    await raises(ObjectNotFoundError, store.get("none"))


@behaviour
async def watchers_see_objects_come_and_go(server):
    client = await server.client()
    store = await client.jetstream().create_object_store("b")
    await store.put("a", b"1")
    watch = await store.watch()
    assert (await change(watch)).name == "a"
    await store.put("b", b"2")
    assert (await change(watch)).name == "b"
    await store.delete("a")
    entry = await change(watch)
    assert (entry.name, entry.deleted) == ("a", True)
    await watch.stop()


async def main():
    url, major, minor = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    only = sys.argv[4:]
    failed = 0
    for run in BEHAVIOURS:
        if only and run.__name__ not in only:
            continue
        server = Server(url, (major, minor))
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
