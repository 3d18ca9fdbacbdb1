"""What can go wrong, by exit code: the codes are those of all smx programs."""


class TrainError(Exception):
    """Its text names the place, the value and the rule."""
    exit_code = 1


class BadUsage(TrainError):
    exit_code = 2


class BadData(TrainError):
    exit_code = 3


class NotSupported(TrainError):
    exit_code = 4


class NotWritten(TrainError):
    exit_code = 5
