"""The part of a rule that says what is measured, and from when on it is out of the ordinary. See docs/anomalies.md."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MeasureName = Literal[
    "build_duration", "deployment_size", "failure_rate", "override_rate", "deployment_hour", "first_deployment"
]
MAX_SAMPLES = 200


class Setting(BaseModel):
    """`measure` of a rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: MeasureName
    threshold: Annotated[float, Field(gt=0, le=100)] = Field(
        description="of durations, sizes and rates: robust standard deviations from what is normal; "
        "of deployment_hour and first_deployment: the share that the like of it had in what went before, at most"
    )
    samples: Annotated[int, Field(ge=5, le=MAX_SAMPLES)] = Field(description="silent until so many earlier ones are known")
    least: Annotated[float, Field(ge=0, le=100)] = Field(
        default=0.0, description="the smallest difference that matters: a factor of durations and sizes, a difference of rates"
    )
