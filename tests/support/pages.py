"""The pages of a program that a test runs: what /healthz, /readyz and /metrics say."""

import http.client
import json
from collections import defaultdict
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from support.index_bench import Process
from support.wait import wait_for


class PagesOf:
    """The pages of a process, found by what it logged."""

    def __init__(self, process: Process) -> None:
        self._process = process
        lines = wait_for(lambda: [line for line in process.log() if line["event"] == "pages"], timeout_s=120, what="the pages")
        self.host, _, port = lines[0]["address"].rpartition(":")
        self.port = int(port)

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a page."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ready(self) -> bool:
        """Whether /readyz says 200."""
        return self.get("/readyz")[0] == 200

    def wait_until_ready(self, timeout_s: float) -> None:
        """Until /readyz says 200; what it complains of, and the end of the log, are told when it does not."""
        try:
            wait_for(self.ready, timeout_s=timeout_s, what="the program to be ready")
        except AssertionError as exc:
            log = self._process.log_file.read_text(errors="replace")[-3000:]
            figures = {name: number for name, number in self.figures().items() if name.startswith("pipetrail_")}
            raise AssertionError(f"{exc}: {self.problems()}\n{figures}\n{log}") from exc

    def problems(self) -> dict[str, Any]:
        """What /readyz complains of."""
        found: dict[str, Any] = json.loads(self.get("/readyz")[1])["problems"]
        return found

    def figures(self) -> dict[str, float]:
        """The figures by name, those with a label added up; 0 for one that is not there (yet)."""
        status, body = self.get("/metrics")
        assert status == 200
        found: dict[str, float] = defaultdict(float)
        for family in text_string_to_metric_families(body):
            for sample in family.samples:
                found[sample.name] += sample.value
        return found
