"""What things cost."""


def total(cents: int, quantity: int) -> int:
    """The price of some pieces, in cents."""
    return cents * quantity


def show(cents: int) -> str:
    """An amount as people write it: 3.50."""
    return f"{cents // 100}.{cents % 100:02}"
