class GroupsError(Exception):
    """A request that cannot be fulfilled. Its text is for the user, and says what to do."""


class ClassNotFound(GroupsError):
    """No class has this name."""


class InvalidClass(GroupsError):
    """The list of students is wrong, or a rule."""


class ImpossibleGroups(GroupsError):
    """No groups follow all rules."""
