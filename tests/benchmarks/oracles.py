"""oracles: textbook instances of inventory theory, ours against stockpyl's published answers, to 1e-3.

make bench NAME=oracles
"""

from __future__ import annotations

import json

from invplat.inventory.exact import poisson_chances, r_q_poisson_exact, s_s_exact
from invplat.inventory.formulas import economic_order_quantity
from invplat.inventory.newsvendor import newsvendor_normal, newsvendor_poisson

CLOSE = 1e-3
# stockpyl 1.0's documented answers to its own examples
PUBLISHED = {
    "newsvendor_normal(h=.18, p=.70, 50, 8)": (56.604, 1.9976),
    "newsvendor_poisson(1, 4, 50)": (56, 10.0752),
    "economic_order_quantity(8, .225, 1300)": (304.047, 68.4105),
    "s_s_discrete_exact(1, 4, 5, Poisson 6)": (4, 10, 8.0341),
    "r_q_poisson_exact(20, 150, 100, 1.5, 2)": (3, 5, 107.9236),
}


def ours() -> dict[str, tuple[float, ...]]:
    answers = (
        newsvendor_normal(0.18, 0.70, 50, 8),
        newsvendor_poisson(1, 4, 50),
        economic_order_quantity(8, 0.225, 1300),
        s_s_exact(1, 4, 5, poisson_chances(6)),
        r_q_poisson_exact(20, 150, 100, 1.5, 2),
    )
    return {name: tuple(float(part) for part in found) for name, found in zip(PUBLISHED, answers, strict=True)}


def main() -> None:
    found = ours()
    worst = 0.0
    for name, published in PUBLISHED.items():
        apart = max(abs(mine - theirs) for mine, theirs in zip(found[name], published, strict=True))
        worst = max(worst, apart)
        shown = ", ".join(f"{part:.4f}" for part in found[name])
        print(f"{name:42} ours {shown:28} published {published}  apart {apart:.1e}")
    print(
        json.dumps(
            {
                "name": "oracles",
                "ours": {name: [round(part, 6) for part in answer] for name, answer in found.items()},
                "peers": {"stockpyl": PUBLISHED},
                "target": {"apart": CLOSE},
                "met": worst <= CLOSE,
                "reproduced": {
                    name: {"ours": [round(part, 4) for part in found[name]], "published": published}
                    for name, published in PUBLISHED.items()
                },
            }
        )
    )


if __name__ == "__main__":
    main()
