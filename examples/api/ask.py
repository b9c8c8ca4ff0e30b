"""A program that asks the service: forecasts, what if, orders for the stock that it counts itself, and what goes wrong.

export INVPLAT_URL=http://127.0.0.1:8000 INVPLAT_KEY=ivp_…
python ask.py
"""

from __future__ import annotations

import os
import sys

from invplat.client import Client
from invplat.client.errors import NoAnswer, ServerSaid
from invplat.core.errors import InvplatError


def main(url: str, key: str) -> None:
    with Client(url, key) as client:  # many threads may share one
        about = client.me()
        print(f"{about['tenant']}, answered by {client.model()['reference']}")

        print("\nThe coming week, all together")
        week = client.forecasts(by="total", horizon=7, quantiles=[0.1, 0.5, 0.9])
        (total,) = week["forecasts"]
        for day, mean, (low, _, high) in zip(week["dates"], total["mean"], total["quantiles"], strict=True):
            print(f"  {day}  {mean:8.1f}  most likely between {low:.0f} and {high:.0f}")

        print("\nEvery series at once, as an Arrow table: nothing is parsed, pandas and Polars take it as it is")
        table = client.forecasts(as_table=True)
        print(f"  {table.num_rows:,} rows of {', '.join(table.column_names)}")

        one = client.series()["series"][0]
        item = (one["store"], one["sku"])
        print(f"\nWhat if {item[1]} in {item[0]} were on promotion?")
        plain, other = (
            sum(client.forecasts(series=[item], horizon=7, what_if=plan)["forecasts"][0]["mean"])
            for plan in ({"promotion": False}, {"promotion": True})
        )
        print(f"  {plain:.1f} in the week as it is, {other:.1f} then")

        print("\nWhat to order of it, if we have counted 3 on the shelf and 12 come tomorrow")
        counted = {"store": one["store"], "sku": one["sku"], "on_hand": 3, "on_order": 12, "lead_time": 2, "pack": 6}
        (order,) = client.orders(series=[counted], service=0.98)["orders"]
        print(f"  {order['order']:g}: {order['reason']}")

        print("\nWhat to order of everything, by the stock in our data, for 500 at most")
        orders = client.orders(budget=500, only_orders=True)
        totals = orders["totals"]
        print(f"  {totals['orders']} orders, {totals['units']:g} units, {totals['spent'] or 0:,.2f} spent")
        for note in orders["notes"]:
            print(f"  note: {note}")

        print("\nA name that is not there")
        try:
            client.forecasts(series=[(one["store"], one["sku"] + "0")])
        except ServerSaid as error:  # it answered, but not with that: status, detail, near, errors
            print(f"  {error.status}: {error.detail}; near: {', '.join(error.near) or 'nothing'}")

    print("\nA key of somebody else")
    with Client(url, "ivp_not-a-key") as stranger:
        try:
            stranger.me()
        except ServerSaid as error:
            print(f"  {error.status}: {error.detail}")

    print("\nNobody there: tried again for as long as there is patience, here half a second")
    with Client("http://127.0.0.1:9", key, patience=0.5) as lost:
        try:
            lost.healthy()
        except NoAnswer as error:
            print(f"  {error}")


if __name__ == "__main__":
    for name in ("INVPLAT_URL", "INVPLAT_KEY"):
        if not os.environ.get(name):
            sys.exit(f"{name} is not set: invplat deploy --key-for BUSINESS prints an address and a key")
    try:
        main(os.environ["INVPLAT_URL"], os.environ["INVPLAT_KEY"])
    except InvplatError as error:
        sys.exit(str(error))  # with a hint, where there is one
    except KeyboardInterrupt:
        sys.exit(130)
