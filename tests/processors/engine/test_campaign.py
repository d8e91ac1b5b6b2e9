"""The proof of the engine: whatever befalls three workers, what they leave is what a pure replay of the events leaves."""

import os
from datetime import UTC, datetime

import orjson
import pytest
from pipetrail_schemas.topics import FINDINGS, TRAILS
from support.campaign import WORKERS, Campaign
from support.processor import ProcessorBench
from support.state import differences, in_changelog, on_disk, open_findings, partition_of, settled
from support.stream import id_of, stream
from support.wait import wait_for
from support.world import World

pytestmark = pytest.mark.stack

KILLS = 20
# `make campaign` asks for more: other seeds, which are other campaigns, and more events.
EVENTS = int(os.environ.get("PIPETRAIL_TEST_CAMPAIGN_EVENTS", "3000"))
SEEDS = os.environ.get("PIPETRAIL_TEST_CAMPAIGN_SEEDS", "1")


@pytest.mark.parametrize("seed", [int(text) for text in SEEDS.split(",")])
def test_whatever_befalls_the_workers_the_end_is_that_of_a_pure_replay(bench: ProcessorBench, seed: int) -> None:
    """Twenty kills, rebalances, a restart of Kafka, an emptied changelog, lost and old folders: all is right at the end."""
    values = stream(bench.run, EVENTS, recorded=datetime.now(UTC))
    campaign = Campaign(bench, values, seed=seed, kills=KILLS)
    try:
        campaign.run()
        wait_until_all_is_done(bench, campaign, values)
        campaign.stop()
        assert campaign.kills == KILLS
        world = World(partition=partition_of)
        world.take(values)
        assert_outputs_are_right(bench, values, world)
        assert_state_is_right(bench, world)
    except BaseException:
        print(campaign.logs())
        raise
    finally:
        print("\n".join(campaign.told))
        campaign.close()


def wait_until_all_is_done(bench: ProcessorBench, campaign: Campaign, values: list[bytes]) -> None:
    """Until each event has its record and the group has committed all."""
    wanted = {id_of(value) for value in values}
    wait_for(
        lambda: campaign.revive() and wanted <= bench.recorded().keys(), timeout_s=240, what=f"records of {len(wanted)} events"
    )
    wait_for(lambda: campaign.revive() and bench.lag() == 0, timeout_s=120, what="the group to have committed all")


def assert_outputs_are_right(bench: ProcessorBench, values: list[bytes], world: World) -> None:
    """No event lost or altered; trails to the byte, findings but for how often they were corrected."""
    assert {len(versions) for versions in bench.recorded().values()} == {1}
    assert bench.recorded().keys() == {id_of(value) for value in values}
    assert differences(bench.trails(), world.latest(TRAILS)) == {}
    found = {one.key or b"": orjson.loads(one.value or b"") for one in bench.messages(FINDINGS)}
    wanted = {key: orjson.loads(value) for key, value in world.latest(FINDINGS).items()}
    assert differences(open_findings(found), open_findings(wanted)) == {}


def assert_state_is_right(bench: ProcessorBench, world: World) -> None:
    """Each partition's changelog is one of the disks, and both are the state of the replay."""
    changelog = in_changelog(bench.kafka, bench.group)
    for number, state in changelog.items():
        disks = [
            on_disk(database) for worker in range(WORKERS) for database in bench.datadir(worker).rglob(f"state-{number}.db")
        ]
        assert state in disks, {worker: differences(disk, state) for worker, disk in enumerate(disks)}
        assert differences(settled(state), settled(world.states[number].values)) == {}
