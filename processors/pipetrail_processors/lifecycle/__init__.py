"""A finding's life: who takes care of it, says why it was right, or that its cause is gone; and until when that is due."""
