"""Messages between clients."""

import asyncio
import json

import nats
from nats.errors import NoRespondersError, TimeoutError as NatsTimeout

from harness import PATIENCE, behaviour, raises, settled, until, within


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


@behaviour
async def own_messages_stay_away_from_who_wants_no_echo(server):
    client = await server.client(no_echo=True)
    other = await server.client()
    messages = await client.subscribe("e")
    await client.publish("e", b"own")
    await settled(other)
    await client.flush()
    await other.publish("e", b"other")
    assert (await messages.next_msg(timeout=PATIENCE)).data == b"other"


@behaviour
async def a_verbose_client_works(server):
    client = await server.client(verbose=True)
    messages = await client.subscribe("v")
    for number in range(20):
        await client.publish("v", b"%d" % number)
    for number in range(20):
        assert (await messages.next_msg(timeout=PATIENCE)).data == b"%d" % number
    stream = await client.jetstream().add_stream(name="V", subjects=["stored"])
    assert stream.config.name == "V"
    assert (await client.jetstream().publish("stored", b"x")).seq == 1


@behaviour
async def a_pedantic_client_works_and_hears_of_its_mistakes(server):
    closed = asyncio.Event()

    async def close():
        closed.set()

    client = await server.client(pedantic=True, closed_cb=close, allow_reconnect=False)
    messages = await client.subscribe("fine.*")
    await client.publish("fine.one", b"x")
    assert (await messages.next_msg(timeout=PATIENCE)).data == b"x"
    # The server only complains; this client takes that for the end.
    await client.publish("a..b", b"")
    await client.flush()
    await within(closed.wait())
    assert "invalid publish subject" in str(client.last_error).lower(), client.last_error


@behaviour
async def a_client_may_ask_who_it_is(server):
    # Of Debian's 2.9 nothing answers.
    if not server.offers(2, 10):
        return
    client = await server.client()
    answer = await client.request("$SYS.REQ.USER.INFO", b"", timeout=PATIENCE)
    data = json.loads(answer.data)["data"]
    assert (data["user"], data["account"]) == ("", "$G"), data
