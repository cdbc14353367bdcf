"""Find the run that somebody means by what they typed: its id, the end of it, or the beginning. Pure."""

from collections.abc import Sequence

from drx.errors import UsageError

_SHOWN = 5
_LOOKED_AT = 500


def named_run(known: Sequence[str], name: str, where: str) -> str:
    """Give the id, of those known, that is called so, ends so or begins so; `where` they lie is for the message.

    Raises UsageError where there is none, with the one that was probably meant, or where there is more than one.
    """
    for found in (
        [run for run in known if run == name],
        [run for run in known if name and run.endswith(name)],
        [run for run in known if name and run.startswith(name)],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            newest = sorted(found, reverse=True)
            more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            raise UsageError(
                f"'{name}' means more than one run in {where}", f"Say which: {', '.join(newest[:_SHOWN])}{more}"
            )
    meant = _nearest(sorted(known, reverse=True)[:_LOOKED_AT], name)
    newest_three = ", ".join(sorted(known)[-3:]) or "there are none yet"
    remedy = f"Did you mean {meant}?" if meant else f"The newest: {newest_three}"
    raise UsageError(f"there is no run '{name}' in {where}", remedy)


def _nearest(known: Sequence[str], name: str) -> str | None:
    """Find a misspelt id, also where only its end, or all but its time, was typed."""
    from drx.yaml_source import nearest

    spelled: dict[str, str] = {}
    for run in known:
        for form in (run, run.rpartition("-")[2], run.partition("Z-")[2]):
            spelled.setdefault(form, run)
    match = nearest(name, spelled)
    return spelled[match] if match else None
