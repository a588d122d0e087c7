"""Users: added, found by their password, and found again by their session."""

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from models.errors import Conflict, InvalidInput, NotFound
from models.users import MOST_NAME_CHARS, User
from storage.database import get_database
from storage.passwords import hash_of_nothing, hash_password, password_matches


def create_user(username: str, password: str) -> User:
    """Add a user. Raises InvalidInput for a blank name or password and Conflict for a name that is taken."""
    name, hashed = _checked_name(username), hash_password(_checked_password(password))
    user = User(username=name, password_hash=hashed)
    try:
        with get_database().write() as session:
            session.add(user)
    except IntegrityError as exc:
        raise Conflict(f"there is a user {name!r} already; choose another name, or change that one's password") from exc
    return user


def change_password(username: str, password: str) -> User:
    """Set a user's password, which ends the sessions made with the old one. Raises NotFound, InvalidInput."""
    hashed = hash_password(_checked_password(password))
    with get_database().write() as session:
        user = session.exec(select(User).where(User.username == username.strip())).first()
        if user is None:
            raise NotFound(f"there is no user {username.strip()!r}; create it first")
        user.password_hash = hashed
        session.add(user)
    return user


def ensure_user(username: str, password: str) -> None:
    """Add a user unless the name is taken; of two processes that do so at once both go on."""
    with get_database().read() as session:
        if session.exec(select(User.id).where(User.username == username.strip())).first() is not None:
            return
    try:
        create_user(username, password)
    except Conflict:
        return


def user_with_password(username: str, password: str) -> User | None:
    """Return the active user of that name if the password is right. Takes as long for names that nobody has. Slow."""
    with get_database().read() as session:
        user = session.exec(select(User).where(User.username == username)).first() if "\0" not in username else None
    right = password_matches(password, hash_of_nothing() if user is None else user.password_hash)
    return user if right and user is not None and user.is_active else None


def active_user(user_id: int) -> User | None:
    """Return the user of that number, unless it is gone or was made inactive."""
    with get_database().read() as session:
        user = session.get(User, user_id)
    return user if user is not None and user.is_active else None


def any_users() -> bool:
    """Return whether anybody could sign in."""
    with get_database().read() as session:
        return session.exec(select(func.count()).select_from(User).where(col(User.is_active))).one() > 0


def _checked_name(username: str) -> str:
    name = username.strip()
    if not name or len(name) > MOST_NAME_CHARS or not name.isprintable():
        raise InvalidInput(f"a user's name has 1 to {MOST_NAME_CHARS} printable characters")
    return name


def _checked_password(password: str) -> str:
    if not password:
        raise InvalidInput("the password is empty; choose one")
    return password
