"""The agent's patience in tests: what can be delivered has the time to be, on a machine that has other things to do."""

# For the environment of a command that delivers. One that cannot, since nobody listens or it is refused, does not wait so long.
PATIENT = {"PIPETRAIL_TIMEOUT": "120"}
