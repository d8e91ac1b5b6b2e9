"""Who is who, who owns what, and what environments are: reference files under version control, read again when they change."""
