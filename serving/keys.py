"""Keys of people and front ends: a file that holds what they hash to, never the keys themselves."""

from __future__ import annotations

import hmac
import json
import os
import secrets
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import FileLock

from ..contract import SetupError
from ..contract.private_files import create_private_folder, make_private

MAX_NAME = 200
"""Characters of a person's name, or a label, at most."""
_HEAD = "# Keys of `hef serve chat`, by their SHA-256: written by `hef serve key add` and `hef serve key revoke`.\n"
_PREFIX = "sk-hef-"


@dataclass(frozen=True, slots=True)
class Key:
    """One key, without the token that it stands for."""

    person: str
    """Whose it is: a person, or a front end that says itself for whom it asks."""
    digest: str
    """SHA-256 of the token in hexadecimal. The tokens are random, 256 bits each, so a fast hash is enough."""
    created: date
    """The day on which it was made."""
    label: str = ""
    """What it is used for."""
    front_end: bool = False
    """Whether its requests say by header for whom they are."""
    same_people: bool = False
    """Of a front end: whether its people are those of the other keys, and of `hef chat`, by the same names."""

    @property
    def id(self) -> str:
        """What it is called when it is revoked."""
        return self.digest[:8]


class KeyFile:
    """The keys in a file, always as they stand there now: a server sees what was added and revoked at its next request.

    A server without the file asks for no key. Once there was one, a key is asked for, though all were revoked or the
    file is gone.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int, int] | None = None
        self._keys: tuple[Key, ...] | None = None

    @property
    def keys(self) -> tuple[Key, ...] | None:
        """The keys, oldest first; None where there is no file, and there was none before.

        Raises:
            SetupError: The file cannot be read, or holds something else.
        """
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._stamp = None
            self._keys = None if self._keys is None else ()
            return self._keys
        except OSError as error:
            raise SetupError(f"the keys in {self.path} cannot be read: {error.strerror}") from None
        stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
        if stamp != self._stamp:
            self._keys, self._stamp = _read_keys(self.path), stamp
        return self._keys

    def find(self, token: str) -> Key | None:
        """Return the key that a token stands for, None where it stands for none.

        The time that this takes tells nothing of how much of a token is right.

        Raises:
            SetupError: See `keys`.
        """
        digest, match = _digest(token), None
        for key in self.keys or ():
            if hmac.compare_digest(key.digest, digest):
                match = key
        return match

    def add(
        self, person: str, *, label: str = "", front_end: bool = False, same_people: bool = False
    ) -> tuple[Key, str]:
        """Add a key, and return it with its token, which is kept nowhere.

        Raises:
            SetupError: The name or the label is none, or the file cannot be read.
            OSError: The file cannot be written.
        """
        if same_people and not front_end:
            raise SetupError("same_people is a property of a front end's key; give front_end too, or leave it out")
        token = _PREFIX + secrets.token_urlsafe(32)
        key = Key(_person(person), _digest(token), date.today(), _text("label", label), front_end, same_people)
        with self._locked():
            self._write([*(self.keys or ()), key])
        return key, token

    def revoke(self, which: str) -> tuple[Key, ...]:
        """Remove the key with an id, or all of a person or front end, and return what was removed.

        Raises:
            SetupError: The file cannot be read.
            OSError: The file cannot be written.
        """
        with self._locked():
            keys = self.keys or ()
            revoked = tuple(key for key in keys if which == key.id) or tuple(key for key in keys if which == key.person)
            if revoked:
                self._write([key for key in keys if key not in revoked])
        return revoked

    def _locked(self) -> FileLock:
        create_private_folder(self.path.parent)
        return FileLock(f"{self.path}.lock", mode=0o600)

    def _write(self, keys: Iterable[Key]) -> None:
        """Replace the file, for its owner alone, in one step: a server reads the old one or the new one."""
        target = self.path.resolve()  # a link stays one
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(_HEAD + "".join(map(_to_toml, keys)))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _read_keys(path: Path) -> tuple[Key, ...]:
    """Return the keys of a file, and take it from the eyes of others."""
    make_private([path.resolve()])
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return tuple(map(_read_key, content.get("keys", [])))
    except OSError as error:
        raise SetupError(f"the keys in {path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise SetupError(
            f"{path} is no file of keys: mend it, or move it away and make new keys by `hef serve key add NAME`"
        ) from None


def _read_key(row: Mapping[str, Any]) -> Key:
    digest, created = row["sha256"], row["created"]
    if not isinstance(created, date) or len(bytes.fromhex(digest)) != sha256().digest_size:
        raise ValueError
    marks = {name: row.get(name, False) for name in ("front_end", "same_people")}
    if not all(isinstance(mark, bool) for mark in marks.values()):
        raise ValueError
    return Key(_person(row["person"]), digest.lower(), created, _text("label", row.get("label", "")), **marks)


def _to_toml(key: Key) -> str:
    """Return the table of a key; texts are printable, so a JSON string is one of TOML too."""
    rows = {
        "person": json.dumps(key.person, ensure_ascii=False),
        "label": json.dumps(key.label, ensure_ascii=False),
        "created": key.created.isoformat(),
        "front_end": json.dumps(key.front_end),
        "same_people": json.dumps(key.same_people),
        "sha256": json.dumps(key.digest),
    }
    return "\n[[keys]]\n" + "".join(f"{name} = {value}\n" for name, value in rows.items())


def _person(name: str) -> str:
    """Return a person's name as it is stored.

    Raises:
        SetupError: It is blank, or has a slash: what stands before one names the front end of a person.
    """
    text = _text("name", name)
    if not text or "/" in text:
        raise SetupError(f"the name is {text!r}; give one that is not blank and has no slash, such as ana")
    return text


def _text(what: str, value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not isinstance(value, str) or len(text) > MAX_NAME or not text.isprintable():
        raise SetupError(f"the {what} of a key is one line of {MAX_NAME} characters at most")
    return text
