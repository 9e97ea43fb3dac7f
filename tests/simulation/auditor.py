"""The judge of a run: from the rows of the log and what was sent alone, with no code of the ledger."""

from tests.simulation.audit_answers import AnswerAudit
from tests.simulation.audit_batches import Sifted, sift
from tests.simulation.audit_deadlines import DeadlineAudit
from tests.simulation.audit_figures import FigureAudit
from tests.simulation.evidence import Evidence, Violation


def audit(evidence: Evidence) -> tuple[list[Violation], Sifted, AnswerAudit]:
    """Judge a run; gives what is broken, and the sifted log and matched answers for who goes on."""
    sifted = sift(evidence)
    answers = AnswerAudit(evidence, sifted)
    answers.run()
    figures = FigureAudit(sifted, answers.decided, revokes=evidence.revokes)
    figures.run()
    deadlines = DeadlineAudit(evidence, sifted, answers.decided)
    deadlines.run()
    found = [*sifted.violations, *answers.violations, *figures.violations, *deadlines.violations]
    return found, sifted, answers
