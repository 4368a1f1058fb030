"""Streams that take messages from other streams, and rules that change subjects."""

from nats.js.api import StreamConfig, StreamSource, SubjectTransform
from nats.js.errors import APIError, NotFoundError

from harness import behaviour, raises, stream, until


async def subjects(jetstream, name, count):
    """The subjects of everything that a stream holds, once there are so many."""

    async def all_arrived():
        return (await jetstream.stream_info(name)).state.messages == count

    await until(f"{name} holds {count}", all_arrived)
    state = (await jetstream.stream_info(name)).state
    numbers = range(state.first_seq, state.last_seq + 1)
    return [(await jetstream.get_msg(name, number)).subject for number in numbers]


async def taking(jetstream, name, *sources, **options):
    await jetstream.add_stream(StreamConfig(name=name, storage="memory", sources=list(sources), **options))


@behaviour
async def messages_are_taken_in_order_and_filtered(server):
    jetstream = await stream(server)
    for subject in ("s.a.1", "s.b.1", "s.a.2"):
        await jetstream.publish(subject, b"x", headers={"Color": "blue"})
    await taking(jetstream, "ALL", StreamSource(name="S"))
    await taking(jetstream, "SOME", StreamSource(name="S", filter_subject="s.a.*"), subjects=["own"])
    await taking(jetstream, "LATE", StreamSource(name="S", opt_start_seq=3))
    assert await subjects(jetstream, "ALL", 3) == ["s.a.1", "s.b.1", "s.a.2"]
    assert await subjects(jetstream, "SOME", 2) == ["s.a.1", "s.a.2"]
    assert await subjects(jetstream, "LATE", 1) == ["s.a.2"]
    message = await jetstream.get_msg("SOME", 2)
    assert message.headers["Color"] == "blue", message
    assert message.headers["Nats-Stream-Source"].startswith("S 3"), message
    # What comes later is taken, too, and the stream has messages of its own beside.
    await jetstream.publish("s.a.3", b"")
    assert await subjects(jetstream, "SOME", 3) == ["s.a.1", "s.a.2", "s.a.3"]
    await jetstream.publish("own", b"")
    assert await subjects(jetstream, "SOME", 4) == ["s.a.1", "s.a.2", "s.a.3", "own"]


@behaviour
async def messages_are_renamed(server):
    if not server.offers(2, 10):
        return
    jetstream = await stream(server)
    for subject in ("s.a.1", "s.b.1", "s.c.1", "s.a.2"):
        await jetstream.publish(subject, b"x")
    rules = [SubjectTransform(src="s.a.*", dest="n.{{wildcard(1)}}"), SubjectTransform(src="s.b.>", dest="")]
    await taking(jetstream, "RULED", StreamSource(name="S", subject_transforms=rules))
    assert await subjects(jetstream, "RULED", 3) == ["n.1", "s.b.1", "n.2"]


@behaviour
async def subjects_change_when_messages_arrive(server):
    if not server.offers(2, 10):
        return
    jetstream = await stream(server, subject_transform=SubjectTransform(src="s.*", dest="t.{{wildcard(1)}}.x"))
    for subject in ("s.a", "s.b.c"):
        await jetstream.publish(subject, b"x")
    assert await subjects(jetstream, "S", 2) == ["t.a.x", "s.b.c"]


@behaviour
async def a_stream_that_comes_later_is_followed(server):
    jetstream = (await server.client()).jetstream()
    await taking(jetstream, "T", StreamSource(name="S"))
    await jetstream.add_stream(name="S", subjects=["s.>"], storage="memory")
    await jetstream.publish("s.a", b"x")
    assert await subjects(jetstream, "T", 1) == ["s.a"]


@behaviour
async def sources_that_make_no_sense_are_refused(server):
    jetstream = await stream(server)
    error = await raises(APIError, taking(jetstream, "T", StreamSource(name="T")))
    assert error.err_code == 10052, error
    if server.offers(2, 10):
        error = await raises(APIError, taking(jetstream, "T", StreamSource(name="S"), StreamSource(name="S")))
        assert error.err_code == 10140, error
        rules = [SubjectTransform(src="s.*", dest="b.{{no(1)}}")]
        error = await raises(APIError, taking(jetstream, "T", StreamSource(name="S", subject_transforms=rules)))
        assert error.err_code == 10146, error
    await raises(NotFoundError, jetstream.stream_info("T"))
