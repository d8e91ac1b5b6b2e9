"""What people ask: `show`, `search`, `findings`, `report`."""
