"""The same content twice is never counted twice, and is said so."""

from __future__ import annotations

import shutil

from tests.data.ingest.shop import Shop

HEADER = "store,sku,date,quantity"
LINES = ("n,a,2025-01-01,1", "n,a,2025-01-02,2")


def test_the_same_ingest_again(shop: Shop) -> None:
    path = shop.file("sales.csv", HEADER, *LINES)
    first = shop.ingest(path)
    objects = shop.objects()
    second = shop.ingest(path)
    assert (second.changed, second.counts, second.manifest) == (False, first.counts, first.manifest)
    assert second.notes == ["version 1 already holds exactly these files; nothing to do"]
    assert shop.objects() == objects


def test_the_same_folder_again_with_a_file_that_nobody_wants(shop: Shop) -> None:
    shop.file("sales.csv", HEADER, *LINES)
    shop.file("notes.csv", "a,b", "1,2")
    shop.ingest(shop.root)
    assert shop.ingest(shop.root).changed is False


def test_a_changed_file_is_a_new_version(shop: Shop) -> None:
    shop.ingest(shop.file("sales.csv", HEADER, *LINES))
    outcome = shop.ingest(shop.file("sales.csv", HEADER, *LINES, "n,a,2025-01-03,3"))
    assert (outcome.changed, outcome.manifest.version, outcome.counts.rows_kept) == (True, 2, 3)
    assert any("version 1 stays" in note for note in outcome.notes)
    assert shop.check(1).manifest.counts.rows_kept == 2


def test_a_file_given_twice_and_a_copy_under_another_name(shop: Shop) -> None:
    path = shop.file("sales.csv", HEADER, *LINES)
    copy = shop.root / "sales_copy.csv"
    shutil.copy(path, copy)
    outcome = shop.ingest(path, path, copy)
    assert outcome.counts.rows_in == 2
    assert f"{path}: counted once, given twice" in outcome.notes
    assert f"{copy}: counted once, its content is that of {path}" in outcome.notes


def test_fewer_files_are_another_version(shop: Shop) -> None:
    one, two = shop.file("sales_1.csv", HEADER, *LINES), shop.file("sales_2.csv", HEADER, "s,a,2025-01-01,1")
    shop.ingest(one, two)
    assert shop.ingest(one).manifest.version == 2
    assert shop.check().stores == ["n"]


def test_after_an_append_the_files_alone_are_another_version(shop: Shop) -> None:
    one, two = shop.file("sales_1.csv", HEADER, *LINES), shop.file("sales_2.csv", HEADER, "s,a,2025-01-01,1")
    shop.ingest(one)
    shop.append(two)
    assert shop.ingest(one, two).manifest.version == 3
    assert shop.ingest(one, two).changed is False
