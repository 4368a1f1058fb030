"""What streams keep, and what publishers can ask of them."""

import asyncio

from nats.js.errors import APIError, BadRequestError, NotFoundError

from harness import behaviour, fill, raises, stream, until, within


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


async def found(jetstream):
    """The state of the stream, and the subjects of what can be got from it then, in their order."""
    state = (await jetstream.stream_info("S")).state
    subjects = []
    for number in range(state.first_seq, state.last_seq + 1):
        try:
            subjects.append((await jetstream.get_msg("S", number)).subject)
        except NotFoundError:
            pass
    return state, subjects


async def kept(jetstream):
    """The subjects of what the stream holds, in their order."""
    state, subjects = await found(jetstream)
    assert len(subjects) == state.messages, (subjects, state)
    return subjects


async def publish_each(jetstream, subjects):
    for subject in subjects:
        await jetstream.publish(subject, b"x")


@behaviour
async def purges_take_what_was_asked_for(server):
    jetstream = await stream(server)
    await publish_each(jetstream, ["s.a", "s.b", "s.a", "s.b", "s.a", "s.c"])
    await jetstream.purge_stream("S", subject="s.a", keep=1)
    assert await kept(jetstream) == ["s.b", "s.b", "s.a", "s.c"]
    await jetstream.purge_stream("S", seq=4)
    assert await kept(jetstream) == ["s.b", "s.a", "s.c"]
    await jetstream.purge_stream("S", subject="s.b")
    assert await kept(jetstream) == ["s.a", "s.c"]
    await jetstream.purge_stream("S")
    assert await kept(jetstream) == []
    assert (await jetstream.publish("s.a", b"x")).seq == 7


@behaviour
async def messages_are_got_directly(server):
    jetstream = await stream(server, allow_direct=True)
    await publish_each(jetstream, ["s.a", "s.b", "s.a"])
    await jetstream.publish("s.b", b"last", headers={"Color": "blue"})
    message = await jetstream.get_msg("S", 2, direct=True)
    assert (message.seq, message.subject, message.data) == (2, "s.b", b"x"), message
    message = await jetstream.get_msg("S", subject="s.b", direct=True)
    assert (message.seq, message.data, message.headers["Color"]) == (4, b"last", "blue"), message
    message = await jetstream.get_msg("S", seq=2, subject="s.a", direct=True, next=True)
    assert (message.seq, message.subject) == (3, "s.a"), message
    await raises(NotFoundError, jetstream.get_msg("S", 9, direct=True))
    await raises(NotFoundError, jetstream.get_msg("S", subject="s.z", direct=True))


@behaviour
async def a_rollup_replaces_what_was_before(server):
    jetstream = await stream(server, allow_rollup_hdrs=True)
    await publish_each(jetstream, ["s.a", "s.b", "s.a"])
    await jetstream.publish("s.a", b"", headers={"Nats-Rollup": "sub"})
    assert await kept(jetstream) == ["s.b", "s.a"]
    await jetstream.publish("s.c", b"", headers={"Nats-Rollup": "all"})
    assert await kept(jetstream) == ["s.c"]


@behaviour
async def publishers_say_what_they_expect_of_a_subject(server):
    jetstream = await stream(server)

    async def publish(subject, expected):
        headers = {"Nats-Expected-Last-Subject-Sequence": str(expected)}
        return (await jetstream.publish(subject, b"", headers=headers)).seq

    assert await publish("s.a", 0) == 1
    assert await publish("s.b", 0) == 2
    assert await publish("s.a", 1) == 3
    error = await raises(APIError, publish("s.a", 1))
    assert (error.code, error.err_code, error.description) == (400, 10071, "wrong last sequence: 3"), error


@behaviour
async def duplicates_are_forgotten_after_their_window(server):
    jetstream = await stream(server, duplicate_window=0.3)

    async def publish():
        return await jetstream.publish("s.a", b"", headers={"Nats-Msg-Id": "one"})

    first, second = await publish(), await publish()
    assert (first.seq, second.seq, second.duplicate) == (1, 1, True), (first, second)

    async def it_is_forgotten():
        return (await publish()).seq == 2

    await until("it is forgotten", it_is_forgotten)


@behaviour
async def messages_live_as_long_as_they_are_told(server):
    # The broker announces 2.10, and offers this one thing of 2.11.
    if not server.offers(2, 11) and not server.is_embedded:
        return
    jetstream = await stream(server, allow_msg_ttl=True)
    await jetstream.publish("s.short", b"", msg_ttl=1)
    await jetstream.publish("s.long", b"", msg_ttl=3600)
    await jetstream.publish("s.ever", b"")

    async def the_first_is_gone():
        # It may go between the two questions.
        state, subjects = await found(jetstream)
        return state.messages == 2 and subjects == ["s.long", "s.ever"]

    await until("the first is gone", the_first_is_gone)


@behaviour
async def old_messages_expire(server):
    jetstream = await stream(server, max_age=0.5, duplicate_window=0.5)
    await publish_each(jetstream, ["s.a", "s.b"])

    async def all_are_gone():
        return (await jetstream.stream_info("S")).state.messages == 0

    await until("all are gone", all_are_gone)


@behaviour
async def a_full_stream_refuses_or_makes_room(server):
    jetstream = await stream(server, max_msgs=2)
    await publish_each(jetstream, ["s.a", "s.b", "s.c"])
    assert await kept(jetstream) == ["s.b", "s.c"]
    await jetstream.update_stream(name="S", subjects=["s.>"], storage="memory", max_msgs=2, discard="new")
    error = await raises(APIError, jetstream.publish("s.d", b""))
    assert (error.err_code, error.description) == (10077, "maximum messages exceeded"), error


@behaviour
async def many_publishes_may_be_under_way(server):
    jetstream = await stream(server)
    acks = [await jetstream.publish_async("s.a", b"%d" % number) for number in range(300)]
    acks = await within(asyncio.gather(*acks))
    assert sorted(ack.seq for ack in acks) == list(range(1, 301))
    assert (await jetstream.get_msg("S", 300)).data == b"299"
