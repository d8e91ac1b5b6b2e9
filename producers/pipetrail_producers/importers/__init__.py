"""History that is already there, as the events that would have been recorded had pipetrail been there, too."""
