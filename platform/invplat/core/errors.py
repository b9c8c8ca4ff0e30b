"""Every error that invplat raises on purpose.

    InvplatError
    ├── UserError            the person can mend it: one message, exit code 2, no traceback
    │   ├── NameRefused      a tenant, store, SKU or version name that is not allowed
    │   ├── SettingRefused   a flag, variable or invplat.toml entry that makes no sense
    │   ├── FigureRefused    a cost, rate, size or probability outside what it can be
    │   ├── SourceError      a file, query or object that can't be read as asked
    │   ├── MappingError     a mapping that doesn't fit its files or contradicts itself
    │   ├── DatasetError     a dataset or version that isn't there, or not usable for this
    │   ├── BundleRefused    a kept model that isn't there, is damaged, too new, or made of pickle
    │   ├── Unknown          a tenant, key, job or alias that the registry has not
    │   ├── DatabaseError    the registry's database: locked, down, not allowed, or of a newer invplat
    │   ├── MissingExtra     an optional package is needed and not installed
    │   └── Conflict         somebody else changed the same thing first
    ├── StorageError         the machine's trouble, not the person's: exit code 1
    │   └── StorageFull      no space left; what was there before is untouched
    └── Interrupted          Ctrl-C in the middle of what can be gone on with: exit code 130

A message says what was received; the hint says what to write or do instead.
"""

from __future__ import annotations


class InvplatError(Exception):
    """Base of all. `hint` is the remedy, printed on its own line."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Ray pickles errors between processes; keyword-only arguments need this.
        return (_rebuild, (type(self), self.message, self.hint))


def _rebuild(kind: type[InvplatError], message: str, hint: str | None) -> InvplatError:
    return kind(message, hint=hint)


class UserError(InvplatError):
    exit_code = 2


class NameRefused(UserError):
    pass


class SettingRefused(UserError):
    pass


class FigureRefused(UserError):
    pass


class SourceError(UserError):
    pass


class MappingError(UserError):
    pass


class DatasetError(UserError):
    pass


class BundleRefused(UserError):
    pass


class Unknown(UserError):
    pass


class DatabaseError(UserError):
    pass


class MissingExtra(UserError):
    pass


class Conflict(UserError):
    pass


class StorageError(InvplatError):
    pass


class StorageFull(StorageError):
    pass


class Interrupted(InvplatError):
    exit_code = 130
