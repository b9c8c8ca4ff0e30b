"""The names of everything that cleaning may do to a row, and what each says to a person.

A rule either quarantines a row, repairs a value, or merges rows. The names appear in reports and manifests and stay.
"""

from __future__ import annotations

QUARANTINE = {
    "missing_value": "a value that every row needs is empty",
    "unparsable_date": "not a date in any format of this column",
    "impossible_date": "a date before 1900 or after 2100",
    "future_date": "a fact dated after today",
    "unparsable_number": "not a number",
    "not_finite": "NaN or infinite",
    "absurd_quantity": "more than anyone sells in a day",
    "negative_value": "below zero where that means nothing",
    "received_before_ordered": "goods that came before they were ordered",
    "absurd_lead_time": "more than two years from order to receipt",
    "bad_name": "a store or SKU name that is too long or has control characters",
    "unknown_unit": "a unit with no known conversion",
    "wrong_field_count": "a line with more or fewer fields than the header",
    "undecodable": "bytes that are not text in the file's encoding",
    "unknown_sku_refused": "a SKU that products does not list, and the mapping refuses such",
}
REPAIR = {
    "return": "a negative sale: recorded as returned, demand zero",
    "zero_price": "a price of zero: taken as unknown",
    "negative_price": "a price below zero: taken as unknown",
    "outlier": "far above the series' usual: kept, marked, hidden from models",
    "unknown_sku": "a SKU that products does not list: kept, without attributes",
    "unknown_store": "a store that stores does not list: kept, without attributes",
    "unit_converted": "counted in another unit: converted",
    "trimmed": "blanks around a name: removed",
    "number_format": "thousands separators: removed",
    "bad_optional": "an unreadable value of a column that may be empty: taken as unknown",
}
MERGE = {
    "duplicate_row": "an exact copy of another row",
    "repeated_key": "several rows of one key: combined",
    "replaced": "a later delivery of the same key: replaces the earlier",
}
ALL = {**QUARANTINE, **REPAIR, **MERGE}
