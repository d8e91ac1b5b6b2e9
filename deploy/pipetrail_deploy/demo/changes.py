"""What is delivered in the demo, as data: who changes what, what is left out, and the rule that must find it.

The edits are real ones: each build, test and deployment is of what they make of the shop.
"""

from dataclasses import dataclass
from typing import NamedTuple


class Person(NamedTuple):
    """Somebody who works on the shop."""

    name: str
    email: str


class Edit(NamedTuple):
    """In the file `path`, `old` becomes `new`."""

    path: str
    old: str
    new: str


ADA = Person("Ada Adeyemi", "ada@shop.example")
BEN = Person("Ben Okafor", "ben@shop.example")
TEAM = (ADA, BEN)


@dataclass(frozen=True, slots=True)
class Change:
    """One change and the way it goes.

    `edits` None: the shop as it is shipped. `skips_tests` is the reason that is given for it. `tests_pass` is what the tests
    must say; a change is deployed either way. `shows` is what the page must show afterwards; `rule` what must be found, None:
    nothing.
    """

    message: str
    author: Person
    approver: Person
    shows: str
    approval: str
    edits: tuple[Edit, ...] | None
    rule: str | None = None
    skips_tests: str | None = None
    tests_pass: bool = True


@dataclass(frozen=True, slots=True)
class ByHand:
    """A page that somebody packs and deploys past every pipeline."""

    message: str
    author: Person
    shows: str
    rule: str


DELIVERY: tuple[Change | ByHand, ...] = (
    Change("SHOP-1 Open the shop", ADA, BEN, "Tea: 3.50", "looks good", None),
    Change(
        "SHOP-2 Raise the price of cake",
        BEN,
        ADA,
        "Cake: 5.95",
        "agreed with accounting",
        (Edit("prices.json", "575", "595"),),
        rule="required-stage-skipped",
        skips_tests="hotfix",
    ),
    # The tests find it: 405 cents come out as 4.5, and so do the 305 of the tea.
    Change(
        "SHOP-3 Make tea cheaper, write amounts shorter",
        BEN,
        ADA,
        "Tea: 3.5<",
        "the offer starts today",
        (Edit("prices.json", "350", "305"), Edit("pricing.py", "{cents % 100:02}", "{cents % 100}")),
        rule="deployed-although-failed",
        tests_pass=False,
    ),
    ByHand("a page packed by hand", BEN, "Back soon", "unknown-artifact-deployed"),
    Change(
        "SHOP-4 Write cents with two digits again",
        BEN,
        BEN,
        "Tea: 3.05",
        "nobody else is there",
        (Edit("pricing.py", "{cents % 100}", "{cents % 100:02}"),),
        rule="self-approval",
    ),
    Change(
        "Raise the price of coffee",
        ADA,
        BEN,
        "Coffee: 4.40",
        "looks good",
        (Edit("prices.json", "420", "440"),),
        rule="commit-without-ticket",
    ),
)
