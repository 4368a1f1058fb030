"""Object stores."""

import base64
import io
import json

from nats.js.api import ObjectLink, ObjectMeta, ObjectMetaOptions
from nats.js.errors import APIError, NotFoundError, ObjectDeletedError, ObjectNotFoundError

from harness import behaviour, change, raises, until, within


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


async def store(server, **options):
    client = await server.client()
    return client, await client.jetstream().create_object_store("b", **options)


async def messages(client):
    return (await client.jetstream().stream_info("OBJ_b")).state.messages


@behaviour
async def ten_megabytes_are_put_got_replaced_and_deleted(server):
    client, objects = await store(server)
    data = bytes(range(251)) * (10_000_000 // 251)
    info = await within(objects.put("big", io.BytesIO(data)))
    assert (info.size, info.chunks) == (len(data), -(-len(data) // 131072)), info
    assert await messages(client) == info.chunks + 1
    into = io.BytesIO()
    await within(objects.get("big", writeinto=into))
    assert into.getvalue() == data
    await within(objects.put("big", data[:1000]))
    assert await messages(client) == 2
    assert (await within(objects.get("big"))).data == data[:1000]
    await objects.delete("big")
    assert await messages(client) == 1
    deleted = await objects.get_info("big", show_deleted=True)
    assert deleted.deleted and deleted.size == 0, deleted


@behaviour
async def objects_are_cut_into_chunks_as_told(server):
    _, objects = await store(server)
    meta = ObjectMeta(description="in small pieces", options=ObjectMetaOptions(max_chunk_size=1000))
    info = await objects.put("fine", b"x" * 100_500, meta=meta)
    assert (info.chunks, info.description) == (101, "in small pieces"), info
    assert (await within(objects.get("fine"))).data == b"x" * 100_500


@behaviour
async def links_lead_to_objects(server):
    client, objects = await store(server)
    await objects.put("target", b"here")
    # The client has no function for this: a link is an object with nothing but a description.
    link = await objects.get_info("target")
    link.name, link.nuid, link.size, link.chunks, link.digest = "link", "link", 0, 0, ""
    link.options = ObjectMetaOptions(link=ObjectLink(bucket="b", name="target"))
    body = json.dumps(link.as_dict()).encode()
    subject = "$O.b.M." + base64.urlsafe_b64encode(b"link").decode()
    await client.jetstream().publish(subject, body, headers={"Nats-Rollup": "sub"})
    assert (await within(objects.get("link"))).data == b"here"


@behaviour
async def descriptions_change_without_the_object(server):
    _, objects = await store(server)
    await objects.put("a", b"x")
    await objects.update_meta("a", ObjectMeta(name="a", description="new"))
    info = await objects.get_info("a")
    assert (info.description, info.size) == ("new", 1), info
    assert (await within(objects.get("a"))).data == b"x"


@behaviour
async def a_watch_begins_as_it_is_told_to(server):
    _, objects = await store(server)
    await raises(NotFoundError, objects.list())
    for name in ("a", "b"):
        await objects.put(name, b"x")
    await objects.delete("a")

    async def found(**options):
        watch = await objects.watch(**options)
        entries = []
        while (info := await watch.updates(timeout=20)) is not None:
            entries.append((info.name, info.deleted or False))
        await watch.stop()
        return entries

    assert await found() == [("b", False), ("a", True)]
    assert await found(include_history=True) == [("b", False), ("a", True)]
    assert [info.name for info in await objects.list(ignore_deletes=True)][0] == "b"
    watch = await objects.watch(updates_only=True)
    await objects.put("c", b"x")
    assert (await change(watch)).name == "c"
    await watch.stop()


@behaviour
async def stores_are_sealed_and_deleted(server):
    client, objects = await store(server)
    await objects.put("a", b"x")
    await objects.seal()
    assert (await objects.status()).sealed
    error = await raises(APIError, objects.put("b", b"y"))
    assert error.err_code == 10109, error
    assert (await within(objects.get("a"))).data == b"x"
    await client.jetstream().delete_object_store("b")
    await raises(NotFoundError, client.jetstream().object_store("b"))


@behaviour
async def objects_expire(server):
    client, objects = await store(server, ttl=1)
    await objects.put("a", b"x")

    async def it_is_gone():
        return await messages(client) == 0

    await until("it is gone", it_is_gone)
    await raises(ObjectNotFoundError, objects.get("a"))
