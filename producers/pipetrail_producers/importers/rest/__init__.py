"""What back-fills over REST share: paging, rate limits, going on where one stopped, saved answers for the network."""
