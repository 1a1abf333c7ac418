"""What every store of records must do, as a pytest class."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from orderkeep.application.ports import PAGE_BYTES
from orderkeep.application.records import (
    MAX_NAME,
    MAX_RECORD_BYTES,
    MAX_RECORDS,
    MAX_WRITE_BYTES,
    Record,
    RecordStore,
)
from orderkeep.domain.exceptions import ConcurrentUpdate

KIND = "cursor"
IDS = (
    "!",
    "#",
    "%",
    "0",
    "00",
    "1",
    "10",
    "2",
    "A",
    "Z",
    "_",
    "a",
    "a b",
    "a#b",
    "aa",
    "b",
    "z",
    "~",
    "É",
    "é",
    "\uff45",
    "🎁",
)
"""In code point order. UTF-16 would put the last one before the one before it."""

CONTENTS = (
    "0",
    '""',
    "[]",
    '{"b": 1,  "a": 1.0, "a": 2}',
    '" leading and trailing "',
    '"\\u0000\\ud800"',
    '"Zoë 🎁 ‮ ﷽ \u2028 e\u0301 é"',
    '"\x7f"',
    json.dumps("🎁" * 20_000, ensure_ascii=False),
)
ATTEMPTS = 500


class RecordStoreContract:
    """Derive from it, and add a fixture `records`: an empty store of records, opened for each test."""

    pytestmark = pytest.mark.asyncio

    async def test_returns_records_as_written(self, records: RecordStore) -> None:
        new = [Record(KIND, f"id-{number}", content) for number, content in enumerate(CONTENTS)]
        written = await records.write_records(new)
        assert written == [replace(record, version=1) for record in new]
        assert await records.get_records(KIND, [record.id for record in new]) == written
        again = [replace(record, content=content) for record, content in zip(written, CONTENTS[::-1], strict=True)]
        assert await records.write_records(again) == [replace(record, version=2) for record in again]
        assert await records.list_records(KIND) == [replace(record, version=2) for record in again]

    async def test_returns_existing_records_by_id(self, records: RecordStore) -> None:
        written = await put(records, IDS)
        await put(records, IDS[:2], kind="cursor:1")
        ids = [*IDS[::-1], "missing", "cursor:1", *IDS, "", "\x00", "\ud800", "x" * 3_000]
        assert await records.get_records(KIND, ids) == written
        assert await records.get_records(KIND, []) == []
        assert await records.get_records("Cursor", IDS) == []
        assert [record.kind for record in await records.get_records("cursor:1", IDS)] == ["cursor:1"] * 2

    async def test_lists_a_kind_in_code_point_order_of_ids(self, records: RecordStore) -> None:
        written = await put(records, (*IDS[1::2], *IDS[-2::-2]))
        for kind in ("curso", "cursor:", "cursor:1", "cursors", "CURSOR", "%", "🎁"):
            await put(records, IDS[3:5], kind=kind)
        in_order = sorted(written, key=lambda record: IDS.index(record.id))
        assert await records.list_records(KIND) == in_order
        for number, record in enumerate(in_order):
            for limit in (1, 3, 100, 10**30):
                assert await records.list_records(KIND, record.id, limit) == in_order[number + 1 :][:limit]
        assert await records.list_records(KIND, "a!") == in_order[IDS.index("a#b") :]
        assert await records.list_records("missing") == []

    async def test_writes_only_over_the_stored_version(self, records: RecordStore) -> None:
        [first] = await records.write_records([Record(KIND, "a", "1")])
        [second] = await records.write_records([replace(first, content="2")])
        for version in (0, 1, 3, 2**40):
            with pytest.raises(ConcurrentUpdate):
                await records.write_records([replace(second, version=version, content="3")])
            if version:
                with pytest.raises(ConcurrentUpdate):
                    await records.write_records([], [replace(second, version=version)])
        with pytest.raises(ConcurrentUpdate):
            await records.write_records([Record(KIND, "missing", "3", version=1)])
        assert await records.list_records(KIND) == [second]
        [third] = await records.write_records([replace(second, content="3")])
        assert (third.version, third.content) == (3, "3")

    async def test_writes_all_or_none(self, records: RecordStore) -> None:
        kept = await put(records, ("b", "c", "d", "e"))
        b, c, d, e = kept
        stale = replace(c, version=2)
        for written, deleted in (
            ([Record(KIND, "a", "new"), replace(b, content="new"), replace(stale, content="new")], [d]),
            ([Record(KIND, "a", "new"), replace(b, content="new")], [d, stale]),
            ([Record(KIND, "a", "new"), Record(KIND, "b", "new")], [e]),
            ([replace(e, content="new"), Record(KIND, "f", "new", version=1)], [b]),
            ([], [b, stale, d]),
            ([], [d, Record(KIND, "f", "", version=1)]),
        ):
            with pytest.raises(ConcurrentUpdate):
                await records.write_records(written, deleted)
            assert await records.list_records(KIND) == kept
        done = await records.write_records([replace(e, content="new"), Record("other", "a", "new")], [b, d])
        assert [(record.kind, record.id, record.version) for record in done] == [(KIND, "e", 2), ("other", "a", 1)]
        assert await records.list_records(KIND) == [c, done[0]]
        assert await records.list_records("other") == done[1:]

    async def test_deleted_record_begins_again(self, records: RecordStore) -> None:
        [first] = await put(records, ("a",))
        [second] = await records.write_records([replace(first, content="2")])
        assert await records.write_records([], [second]) == []
        assert await records.get_records(KIND, ["a"]) == await records.list_records(KIND) == []
        with pytest.raises(ConcurrentUpdate):
            await records.write_records([], [second])
        assert await records.write_records([Record(KIND, "a", "3")]) == [Record(KIND, "a", "3", 1)]
        assert await records.write_records([]) == []

    async def test_pages_end_at_a_number_of_bytes(self, records: RecordStore) -> None:
        content = json.dumps("é" * (MAX_RECORD_BYTES // 2 - 1), ensure_ascii=False)
        fits = PAGE_BYTES // MAX_RECORD_BYTES
        for start in (0, 6):
            await records.write_records([Record(KIND, f"id-{n:02}", content) for n in range(start, start + 6)])
        await records.write_records([Record(KIND, "id-99", "1")])
        sizes, after = [], ""
        while page := await records.list_records(KIND, after):
            sizes.append(len(page))
            after = page[-1].id
        assert sizes == [fits, 13 - fits]

    async def test_writes_as_many_records_as_a_transaction_may_contain(self, records: RecordStore) -> None:
        content = "9" * (MAX_WRITE_BYTES // MAX_RECORDS)
        new = [Record(KIND, f"{n:03}", content) for n in range(MAX_RECORDS)]
        written = await records.write_records(new)
        assert await records.get_records(KIND, [record.id for record in new]) == written
        assert written == [replace(record, version=1) for record in new]
        half = len(written) // 2
        again = await records.write_records([replace(each, content="1") for each in written[:half]], written[half:])
        assert await records.list_records(KIND) == again

    @pytest.mark.parametrize(
        "names", [("", "a"), ("a", ""), ("a" * (MAX_NAME + 1), "a"), ("a", "a\n"), ("\ud800", "a")]
    )
    async def test_rejects_other_names(self, records: RecordStore, names: tuple[str, str]) -> None:
        longest = [Record("🎁" * MAX_NAME, "🎁" * MAX_NAME, "1")]
        await records.write_records(longest)
        assert await records.list_records(longest[0].kind) == [replace(longest[0], version=1)]
        with pytest.raises(ValueError, match=r"must have 1 to 200 printable characters"):
            await records.write_records([Record(*names, "1")])

    async def test_rejects_more_than_a_transaction_may_contain(self, records: RecordStore) -> None:
        largest = "9" * MAX_RECORD_BYTES
        many = [Record(KIND, f"{n:03}", "1") for n in range(MAX_RECORDS + 1)]
        large = [Record(KIND, f"{n:03}", largest) for n in range(MAX_WRITE_BYTES // MAX_RECORD_BYTES + 1)]
        [kept] = await records.write_records([Record(KIND, "kept", "1")])
        for written, deleted, reason in (
            (many, [], "at most 90 records, and these are 91"),
            (large, [], "contents of at most 3000000 bytes"),
            ([kept, replace(kept, content="2")], [], "each record once"),
            ([kept], [kept], "each record once"),
            ([], [Record(KIND, "a", "")], "does not exist yet"),
        ):
            with pytest.raises(ValueError, match=reason):
                await records.write_records(written, deleted)
        for content in (f"{largest}9", "\x00", '"\ud800"'):
            with pytest.raises(ValueError, match=r"must be JSON of at most 100000 bytes|surrogates not allowed"):
                await records.write_records([Record(KIND, "a", content)])
        with pytest.raises(ValueError, match="must not be negative"):
            await records.write_records([Record(KIND, "a", "1", version=-1)])
        assert await records.list_records(KIND) == [kept]

    async def test_concurrent_writers_lose_no_write(self, records: RecordStore) -> None:
        async def count_to(number: int) -> None:
            for _ in range(number):
                await add(records, {"total": 1})

        await asyncio.gather(*(count_to(4) for _ in range(16)))
        [total] = await records.get_records(KIND, ["total"])
        assert (total.content, total.version) == ("64", 64)

    async def test_one_of_concurrent_writers_creates_and_deletes_a_record(self, records: RecordStore) -> None:
        new = [[Record(KIND, "a", str(number)), Record(KIND, "b", str(number))] for number in range(12)]
        found = await asyncio.gather(*map(records.write_records, new), return_exceptions=True)
        assert sum(isinstance(each, ConcurrentUpdate) for each in found) == 11, found
        [winner] = [each for each in found if isinstance(each, list)]
        assert await records.list_records(KIND) == winner
        deletions = [records.write_records([], winner) for _ in range(12)]
        ended = await asyncio.gather(*deletions, return_exceptions=True)
        assert sum(each == [] for each in ended) == 1, ended
        assert sum(isinstance(each, ConcurrentUpdate) for each in ended) == 11, ended

    async def test_readers_see_all_of_a_transaction_or_nothing(self, records: RecordStore) -> None:
        names = ("a", "b", "c", "d")
        await records.write_records([Record(KIND, name, "0") for name in names])
        done = asyncio.Event()

        async def move(number: int) -> None:
            for step in range(6):
                one, other = names[number % 4], names[(number + 1 + step % 3) % 4]
                await add(records, {one: 7, other: -7})

        async def watch() -> int:
            seen = 0
            while not done.is_set():
                found = await records.get_records(KIND, names)
                assert sum(int(record.content) for record in found) == 0, found
                seen += 1
                await asyncio.sleep(0)
            return seen

        readers = [asyncio.create_task(watch()) for _ in range(2)]
        try:
            await asyncio.gather(*(move(number) for number in range(6)))
        finally:
            done.set()
            assert all(await asyncio.gather(*readers))


async def put(records: RecordStore, ids: Sequence[str], kind: str = KIND) -> list[Record]:
    """Write new records, one in a transaction, and return them."""
    return [(await records.write_records([Record(kind, id, json.dumps(id))]))[0] for id in ids]


async def add(records: RecordStore, amounts: dict[str, int]) -> None:
    """Add the amounts to the numbers that are stored under these IDs, in one transaction, again after conflicts."""
    for attempt in range(ATTEMPTS):
        stored = {record.id: record for record in await records.get_records(KIND, [*amounts])}
        await asyncio.sleep(0)
        records_now = [stored.get(id, Record(KIND, id, "0")) for id in amounts]
        new = [
            replace(record, content=str(int(record.content) + amount))
            for record, amount in zip(records_now, amounts.values(), strict=True)
        ]
        try:
            await records.write_records(new)
        except ConcurrentUpdate:
            await asyncio.sleep(0.001 * (attempt % 7))
        else:
            return
    pytest.fail(f"{ATTEMPTS} writes of {amounts} were rejected")
