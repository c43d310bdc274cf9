"""Evidence: what was seen and decided of an inspection, by what and by whom, signed when it happened.

Every step in the life of an inspection is a signed statement in an append-only log, chained to the one before it.
`serving/EVIDENCE.md` describes the format for those who check it with other means.
"""

from regrade.serving.evidence.keys import KeyRing, PublicKey
from regrade.serving.evidence.log import append_step, begin, withhold
from regrade.serving.evidence.sealed import Personal
from regrade.serving.evidence.signer import Signer
from regrade.serving.evidence.statements import Provenance
from regrade.serving.evidence.steps import Finding

__all__ = ["Finding", "KeyRing", "Personal", "Provenance", "PublicKey", "Signer", "append_step", "begin", "withhold"]
