"""Messages of streams, as consumers hand them out."""

import asyncio
import json

from nats.errors import TimeoutError as NatsTimeout
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from harness import PATIENCE, behaviour, fill, raises, sequence, settled, stream, until, within

SECOND = 1_000_000_000


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


async def pull(server, jetstream, request, consumer="c"):
    """Sends a request for messages, in its own words, and returns where the answers arrive."""
    client = await server.client()
    inbox = client.new_inbox()
    answers = await client.subscribe(inbox)
    await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.S.{consumer}", json.dumps(request).encode(), reply=inbox)

    async def answer():
        """The sequence of a message, or the status that ends the request."""
        message = await answers.next_msg(timeout=PATIENCE)
        status = (message.headers or {}).get("Status")
        return sequence(message) if status is None else (status, message.headers.get("Description"))

    return answer


async def consumer(jetstream, **options):
    options = {"durable_name": "c", "ack_policy": AckPolicy.EXPLICIT, **options}
    return await jetstream.add_consumer("S", ConsumerConfig(**options))


@behaviour
async def requests_end_as_they_ask_to(server):
    jetstream = await stream(server)
    await consumer(jetstream)
    for _ in range(6):
        await jetstream.publish("s.a", b"x" * 200)
    answer = await pull(server, jetstream, {"batch": 2, "expires": 20 * SECOND})
    assert [await answer() for _ in range(2)] == [1, 2]
    answer = await pull(server, jetstream, {"batch": 9, "max_bytes": 700, "expires": 20 * SECOND})
    assert [await answer() for _ in range(3)] == [3, 4, ("409", "Message Size Exceeds MaxBytes")]
    answer = await pull(server, jetstream, {"batch": 9, "expires": SECOND // 5})
    assert [await answer() for _ in range(3)] == [5, 6, ("408", "Request Timeout")]
    answer = await pull(server, jetstream, {"batch": 9, "no_wait": True})
    assert await answer() == ("404", "No Messages")
    answer = await pull(server, jetstream, {"batch": 1, "expires": 20 * SECOND, "idle_heartbeat": SECOND // 10})
    assert await answer() == ("100", "Idle Heartbeat")


@behaviour
async def the_wait_grows_as_the_consumer_says(server):
    jetstream = await stream(server)
    await fill(jetstream, 1)
    info = await consumer(jetstream, backoff=[0.1, 0.5], max_deliver=3)
    assert (info.config.backoff, info.config.ack_wait) == ([0.1, 0.5], 0.1), info.config
    messages = await jetstream.pull_subscribe_bind("c", "S")
    times = []
    for expected in (1, 2, 3):
        (message,) = await messages.fetch(1, timeout=PATIENCE)
        assert message.metadata.num_delivered == expected, message.metadata
        times.append(asyncio.get_running_loop().time())
    # The machine may be slow, but the server is never early.
    assert times[1] - times[0] > 0.05 and times[2] - times[1] > 0.4, times
    await raises(NatsTimeout, messages.fetch(1, timeout=1))


@behaviour
async def deliveries_have_an_end(server):
    jetstream = await stream(server)
    await fill(jetstream, 1)
    client = await server.client()
    advisories = await client.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.S.c")
    await settled(client)
    await consumer(jetstream, ack_wait=0.1, max_deliver=2)
    messages = await jetstream.pull_subscribe_bind("c", "S")
    for expected in (1, 2):
        (message,) = await messages.fetch(1, timeout=PATIENCE)
        assert message.metadata.num_delivered == expected
    # The request that waits makes the server look for what to send.
    waiting = asyncio.create_task(messages.fetch(1, timeout=PATIENCE))
    advisory = json.loads((await advisories.next_msg(timeout=PATIENCE)).data)
    assert (advisory["stream_seq"], advisory["deliveries"]) == (1, 2), advisory
    await jetstream.publish("s.x", b"")
    (message,) = await within(waiting)
    assert sequence(message) == 2


@behaviour
async def messages_without_an_answer_are_bounded(server):
    jetstream = await stream(server)
    await fill(jetstream, 3)
    await consumer(jetstream, max_ack_pending=2)
    messages = await jetstream.pull_subscribe_bind("c", "S")
    first, second = await messages.fetch(2, timeout=PATIENCE)
    await raises(NatsTimeout, messages.fetch(1, timeout=0.3))
    await first.ack_sync(timeout=PATIENCE)
    (third,) = await messages.fetch(1, timeout=PATIENCE)
    assert [sequence(message) for message in (first, second, third)] == [1, 2, 3]


@behaviour
async def an_unused_consumer_goes(server):
    jetstream = await stream(server)
    await consumer(jetstream)
    await jetstream.add_consumer("S", ConsumerConfig(name="e", ack_policy=AckPolicy.EXPLICIT, inactive_threshold=0.2))

    async def one_is_left():
        return [info.name for info in await jetstream.consumers_info("S")] == ["c"]

    await until("only the durable one is left", one_is_left)


@behaviour
async def a_receiver_hears_heartbeats_and_controls_the_flow(server):
    jetstream = await stream(server)
    client = await server.client()
    received = await client.subscribe("deliver")
    await settled(client)
    await consumer(
        jetstream,
        durable_name="p",
        deliver_subject="deliver",
        ack_policy=AckPolicy.NONE,
        idle_heartbeat=0.2,
        flow_control=True,
    )
    message = await received.next_msg(timeout=PATIENCE)
    assert message.headers["Description"] == "Idle Heartbeat", message.headers
    for _ in range(100):
        await jetstream.publish("s.a", b"x" * 100_000)
    count, questions = 0, 0
    while count < 100:
        message = await received.next_msg(timeout=PATIENCE)
        if not message.headers:
            count += 1
        elif message.headers["Description"] == "FlowControl Request":
            questions += 1
            await message.respond(b"")
    assert questions > 0


@behaviour
async def filters_choose_messages(server):
    jetstream = await stream(server)
    for subject in ("s.a", "s.b", "s.a.x", "s.a"):
        await jetstream.publish(subject, b"")

    async def all_of(**options):
        await consumer(jetstream, **options)
        messages = await jetstream.pull_subscribe_bind("c", "S")
        found = [sequence(message) for message in await messages.fetch(9, timeout=1)]
        await jetstream.delete_consumer("S", "c")
        return found

    assert await all_of(filter_subject="s.a") == [1, 4]
    assert await all_of(filter_subject="s.*") == [1, 2, 4]
    assert await all_of(filter_subject="s.*", deliver_policy=DeliverPolicy.LAST_PER_SUBJECT) == [2, 4]
    assert await all_of(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=3) == [3, 4]
    if server.offers(2, 10):
        assert await all_of(filter_subjects=["s.b", "s.a.>"]) == [2, 3]


@behaviour
async def one_answer_can_cover_all_before(server):
    jetstream = await stream(server)
    await fill(jetstream, 4)
    await consumer(jetstream, ack_policy=AckPolicy.ALL)
    messages = await jetstream.pull_subscribe_bind("c", "S")
    fetched = await messages.fetch(4, timeout=PATIENCE)
    await fetched[2].ack_sync(timeout=PATIENCE)
    info = await jetstream.consumer_info("S", "c")
    assert (info.ack_floor.stream_seq, info.num_ack_pending) == (3, 1), info


@behaviour
async def headers_alone_can_be_asked_for(server):
    jetstream = await stream(server)
    await jetstream.publish("s.a", b"12345", headers={"Color": "blue"})
    await consumer(jetstream, headers_only=True)
    messages = await jetstream.pull_subscribe_bind("c", "S")
    (message,) = await messages.fetch(1, timeout=PATIENCE)
    assert (message.data, message.headers["Nats-Msg-Size"], message.headers["Color"]) == (b"", "5", "blue"), message
