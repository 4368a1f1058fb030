"""Key-value buckets."""

import asyncio

from nats.js.api import KeyValueConfig
from nats.js.errors import APIError, BucketNotFoundError, KeyNotFoundError, KeyWrongLastSequenceError, NoKeysError

from harness import PATIENCE, behaviour, change, raises, until, within


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


async def all_until_now(watch):
    """What a watch finds at its start."""
    found = []
    while (entry := await watch.updates(timeout=PATIENCE)) is not None:
        found.append((entry.key, entry.value or b"", entry.operation))
    return found


@behaviour
async def a_watch_begins_as_it_is_told_to(server):
    kv = await bucket(server, history=5)
    for key, value in (("a.x", b"1"), ("a.x", b"2"), ("a.y", b"3"), ("b", b"4")):
        await kv.put(key, value)
    await kv.delete("a.y")

    async def found(keys, **options):
        watch = await kv.watch(keys, **options)
        entries = await all_until_now(watch)
        await watch.stop()
        return entries

    assert await found("a.*") == [("a.x", b"2", None), ("a.y", b"", "DEL")]
    assert await found(">", ignore_deletes=True) == [("a.x", b"2", None), ("b", b"4", None)]
    history = [("a.x", b"1", None), ("a.x", b"2", None), ("a.y", b"3", None), ("a.y", b"", "DEL")]
    assert await found("a.>", include_history=True) == history
    assert await found(">", meta_only=True) == [("a.x", b"", None), ("b", b"", None), ("a.y", b"", "DEL")]
    assert await found("none.>") == []


@behaviour
async def keys_are_listed(server):
    kv = await bucket(server)
    await raises(NoKeysError, kv.keys())
    for key in ("a.1", "a.2", "b"):
        await kv.put(key, b"x")
    await kv.delete("a.2")
    assert sorted(await kv.keys()) == ["a.1", "b"]
    assert await kv.keys(filters=["a."]) == ["a.1"]


@behaviour
async def deletes_are_purged(server):
    kv = await bucket(server, history=5)
    for key in ("a", "b", "c"):
        await kv.put(key, b"1")
        await kv.put(key, b"2")
    await kv.delete("a")
    await kv.purge("b")
    assert (await kv.status()).values == 6
    # The marks stay as long as they are young.
    await kv.purge_deletes()
    assert (await kv.status()).values == 4
    await kv.purge_deletes(olderthan=-1)
    assert (await kv.status()).values == 2

    async def one_is_left():
        # A consumer that is made at once may count what was purged (nats-server 2.15).
        try:
            return await kv.keys() == ["c"]
        except NoKeysError:
            return False

    await until("one key is left", one_is_left)


@behaviour
async def a_delete_can_name_the_revision_it_ends(server):
    kv = await bucket(server, history=5)
    first = await kv.put("k", b"1")
    second = await kv.put("k", b"2")
    error = await raises(APIError, kv.delete("k", last=first))
    assert error.err_code == 10071, error
    await kv.delete("k", last=second)
    await raises(KeyNotFoundError, kv.get("k"))
    old = await kv.get("k", revision=first)
    assert (old.value, old.revision) == (b"1", first), old
    await raises(KeyNotFoundError, kv.get("other", revision=first))


@behaviour
async def a_value_has_a_life_of_its_own(server):
    # The broker announces 2.10, and offers this one thing of 2.11.
    if not server.offers(2, 11) and not server.is_embedded:
        return
    kv = await bucket(server)
    await kv.create("short", b"x", msg_ttl=1)
    await kv.create("long", b"x")

    # Not by listing keys over and over: the client waits for as many as there were when it began, also where one goes meanwhile.
    async def it_is_gone():
        try:
            await kv.get("short")
        except KeyNotFoundError:
            return True
        return False

    await until("it is gone", it_is_gone)
    assert await kv.keys() == ["long"]
    await kv.create("short", b"again")


@behaviour
async def many_writers_agree_on_one_value(server):
    kv = await bucket(server)
    await kv.put("n", b"0")

    async def count(kv):
        for _ in range(10):
            while True:
                entry = await kv.get("n")
                try:
                    await kv.update("n", b"%d" % (int(entry.value) + 1), last=entry.revision)
                    break
                except KeyWrongLastSequenceError:
                    pass

    buckets = [await (await server.client()).jetstream().key_value("b") for _ in range(4)]
    await within(asyncio.gather(*[count(kv) for kv in buckets]))
    assert (await kv.get("n")).value == b"40"


@behaviour
async def values_have_a_largest_size(server):
    kv = await bucket(server, max_value_size=10)
    await kv.put("k", b"1234567890")
    error = await raises(APIError, kv.put("k", b"12345678901"))
    assert error.err_code == 10054, error
    client = await server.client()
    await client.jetstream().delete_key_value("b")
    await raises(BucketNotFoundError, client.jetstream().key_value("b"))
