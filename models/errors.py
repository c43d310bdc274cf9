"""The error hierarchy of regrade: what a caller may catch, and what it tells a user to do."""


class RegradeError(Exception):
    """Base of every error that regrade raises on purpose. The message says what to do."""


class PhotoError(RegradeError):
    """A photo that cannot be graded as it is; `code` is stable and part of the HTTP contract.

    Codes: `empty`, `unsupported_type`, `heic_unsupported`, `truncated`, `unreadable`, `animated`, `too_many_pixels`,
    `bad_dimensions`, `too_large`, `too_complex`, `too_slow`.
    """

    def __init__(self, code: str, message: str, *, photo: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.photo = photo


class BundleError(RegradeError):
    """A model bundle that must not be loaded: missing, damaged, or of an unknown format."""


class TrialRefusedError(BundleError):
    """A bundle that cannot be tried in shadow although nothing is wrong with it.

    `code` says why: `router`, `active`, or `conditions` (others than those of the version `active`).
    """

    def __init__(self, code: str, message: str, *, active: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.active = active


class UnknownCategoryError(RegradeError):
    """A category for which no bundle is loaded; the message lists those that are."""


class PolicyError(RegradeError):
    """A disposition policy that is wrong; the message names the field and the legal values."""


class DatasetError(RegradeError):
    """A manifest or category definition that is wrong; the message names the file, line and field."""


class RunError(RegradeError):
    """A training run that cannot be begun or gone on with; the message names the setting, file or process."""


class GateRefusedError(RegradeError):
    """A trained candidate that is not as good as what is active; the message holds the numbers."""
