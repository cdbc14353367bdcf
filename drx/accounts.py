"""Name accounts and groups as the kernel and this host's lists know them; the environment has no say."""

import grp
import os
import pwd


def account_name(number: int) -> str:
    """Give the name of an account, `uid:1001` where the host has none for it."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid:{number}"


def this_account() -> str:
    """Give the account that runs this process: what a file that it makes will belong to."""
    return account_name(os.geteuid())


def group_number(name: str) -> int | None:
    """Give the number of a group; None where the host has none of this name."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None
