"""What must hold before the shop goes out."""

import unittest

import pricing


class Pricing(unittest.TestCase):
    """Prices add up and read well."""

    def test_total(self) -> None:
        """Two teas cost twice as much as one."""
        self.assertEqual(pricing.total(350, 2), 700)

    def test_show(self) -> None:
        """Cents have two digits."""
        self.assertEqual(pricing.show(405), "4.05")


if __name__ == "__main__":
    unittest.main()
