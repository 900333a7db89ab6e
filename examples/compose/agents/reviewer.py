"""Two reviewers that see the same text differently. Their models are pydantic-ai's test models: no key, no network."""

from pydantic import BaseModel, Field
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel


class Review(BaseModel):
    """What a reviewer thinks of a text."""

    score: int = Field(ge=0, le=10, description="From 0, bad, to 10, good")
    remark: str


def reviewer(score: int, remark: str) -> Agent[None, Review]:
    return Agent(TestModel(custom_output_args={"score": score, "remark": remark}), output_type=Review)


optimist = reviewer(9, "It is short.")
sceptic = reviewer(2, "It is too short.")
