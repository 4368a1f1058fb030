"""Streams that keep messages only as long as somebody needs them: work queues, and streams of interest."""

from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy
from nats.js.errors import APIError, BadRequestError, ServerError

from harness import PATIENCE, behaviour, fill, raises, sequence, stream, until


async def consumer(jetstream, name, **options):
    options = {"ack_policy": AckPolicy.EXPLICIT, **options}
    await jetstream.add_consumer("S", ConsumerConfig(durable_name=name, **options))
    return await jetstream.pull_subscribe_bind(name, "S")


async def kept(jetstream, count):
    async def holds():
        return (await jetstream.stream_info("S")).state.messages == count

    await until(f"{count} are kept", holds)


@behaviour
async def finished_work_leaves_the_queue(server):
    jetstream = await stream(server, retention=RetentionPolicy.WORK_QUEUE)
    worker = await consumer(jetstream, "w")
    await fill(jetstream, 3)
    first, second, third = await worker.fetch(3, timeout=PATIENCE)
    await first.ack_sync(timeout=PATIENCE)
    await kept(jetstream, 2)
    await second.term()
    await kept(jetstream, 1)
    # What is refused stays, and comes again.
    await third.nak()
    (again,) = await worker.fetch(1, timeout=PATIENCE)
    assert (sequence(again), again.metadata.num_delivered) == (3, 2)
    await again.ack_sync(timeout=PATIENCE)
    await kept(jetstream, 0)
    assert (await jetstream.publish("s.x", b"")).seq == 4


@behaviour
async def a_queue_has_one_consumer_for_each_message(server):
    jetstream = await stream(server, retention=RetentionPolicy.WORK_QUEUE)
    await consumer(jetstream, "a", filter_subject="s.a")
    await consumer(jetstream, "b", filter_subject="s.b")
    for filter_subject, number in (("s.a", 10100), ("s.*", 10100), (None, 10099)):
        error = await raises(BadRequestError, consumer(jetstream, "c", filter_subject=filter_subject))
        assert error.err_code == number, (filter_subject, error)
    error = await raises(APIError, consumer(jetstream, "c", filter_subject="s.c", ack_policy=AckPolicy.NONE))
    assert error.err_code == 10084, error
    error = await raises(APIError, consumer(jetstream, "c", filter_subject="s.c", deliver_policy="new"))
    assert error.err_code == 10101, error


@behaviour
async def a_queue_without_workers_waits(server):
    jetstream = await stream(server, retention=RetentionPolicy.WORK_QUEUE)
    await fill(jetstream, 2)
    await kept(jetstream, 2)
    worker = await consumer(jetstream, "w")
    for message in await worker.fetch(2, timeout=PATIENCE):
        await message.ack_sync(timeout=PATIENCE)
    await kept(jetstream, 0)


@behaviour
async def messages_without_interest_are_not_kept(server):
    jetstream = await stream(server, retention=RetentionPolicy.INTEREST)
    await fill(jetstream, 2)
    state = (await jetstream.stream_info("S")).state
    assert (state.messages, state.last_seq) == (0, 2), state
    await consumer(jetstream, "c", filter_subject="s.a")
    await jetstream.publish("s.b", b"")
    await jetstream.publish("s.a", b"")
    await kept(jetstream, 1)


@behaviour
async def messages_are_kept_until_all_have_seen_them(server):
    jetstream = await stream(server, retention=RetentionPolicy.INTEREST)
    readers = [await consumer(jetstream, name) for name in ("a", "b")]
    await fill(jetstream, 2)
    for message in await readers[0].fetch(2, timeout=PATIENCE):
        await message.ack_sync(timeout=PATIENCE)
    await kept(jetstream, 2)
    first, _ = await readers[1].fetch(2, timeout=PATIENCE)
    await first.ack_sync(timeout=PATIENCE)
    await kept(jetstream, 1)
    await jetstream.delete_consumer("S", "b")
    await kept(jetstream, 0)


@behaviour
async def retention_stays_as_it_is(server):
    jetstream = await stream(server, retention=RetentionPolicy.WORK_QUEUE)
    update = jetstream.update_stream(name="S", subjects=["s.>"], storage="memory", retention="limits")
    error = await raises(ServerError, update)
    assert error.err_code == 10052, error
