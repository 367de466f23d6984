"""What the closing record says for reviewers: where its case goes, whether it is a sample, who looks twice.

Duty: the policy's answers on record, so that cases can be made from the log alone. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core.ports import Json
from policies.decision import Action, Decision
from policies.policy import Policy
from policies.review import concerns_minors


def review_fields(policy: Policy, decisions: Sequence[Decision], closing_id: str) -> dict[str, Json]:
    """Return `review` of a closing record, or nothing for a request that nobody needs to look at.

    What concerns minors is never a sample, and goes to a queue of its own whatever the policy says.
    """
    if any(concerns_minors(decision) for decision in decisions):
        return {"review": {"minors": True}}
    plan, told = policy.review, dict[str, Json]()
    plain = all(d.action is Action.ALLOW and not d.degraded and not d.shadow for d in decisions)
    if plain and plan.samples(closing_id):
        told["sampled"] = True
    elif plain:
        return {}
    route = plan.route(decisions)
    if route is not None:
        told |= {"queue": route.queue, "priority": route.priority}
    if plan.wants_second(decisions, closing_id):
        told["second"] = True
    return {"review": told} if told else {}
