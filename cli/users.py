"""`atelier create-user`: who may sign in."""

import sys
from typing import Annotated

import typer

from cli.engine import open_storage
from cli.screen import console
from storage.users import change_password, create_user


def add_user(
    username: Annotated[str, typer.Argument(help="The name to sign in with.")],
    change: Annotated[
        bool, typer.Option("--change-password", help="Set the password of a user who exists; ends the user's sessions.")
    ] = False,
) -> None:
    """Add a user. The password is asked for, or read from standard input."""
    open_storage()
    password = _password()
    user = change_password(username, password) if change else create_user(username, password)
    console.print(f"{user.username} {'has a new password' if change else 'can sign in'}", soft_wrap=True, markup=False)


def _password() -> str:
    if _at_a_terminal():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()
