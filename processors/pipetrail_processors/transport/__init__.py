"""How messages come in and go out: Faust's transport, replaced where it loses time or messages (docs/adr, "Own transport")."""
