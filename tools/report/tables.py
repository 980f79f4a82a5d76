"""Tables of the report, in Markdown. A value is named by its path in ``metrics.json``."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from math import isnan
from typing import Any

import pandas as pd

from metaseg.metrics import show_score
from metaseg.prediction import ALONE
from tools.report.networks import Network, descriptions, mean_difference


def to_markdown(rows: Iterable[dict[str, str]]) -> str:
    """``rows`` as a table, or a sentence if there are none."""
    frame = pd.DataFrame(rows).fillna("–")
    if frame.empty:
        return "Not evaluated yet."
    safe = frame.map(lambda cell: " ".join(str(cell).split()).replace("|", r"\|"))
    return safe.to_markdown(index=False, disable_numparse=True)


def look(found: Any, path: str) -> Any:
    """The value at ``path``, keys joined by dots; None if there is none."""
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def show(value: Any, digits: str = "") -> str:
    """A count, a number in the format ``digits``, a score with its interval, or a dash."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:{digits}}" if digits and value is not None else show_score(value)


def table(networks: Sequence[Network], columns: dict[str, str], names: Iterable[str] = ()) -> str:
    """A row for each data set (of ``names``, or all) and network; ``columns`` gives paths by
    title, with a number format after a colon. Rows without any value are left out."""
    rows = []
    for name in names or descriptions(networks):
        for network in networks:
            row = {"data": f"`{name}`", "network": network.title}
            found = network.metrics.get(name)
            values = {
                title: show(look(found, path), digits)
                for title, (path, _, digits) in ((t, p.partition(":")) for t, p in columns.items())
            }
            if set(values.values()) != {"–"}:
                rows.append(row | values)
    return to_markdown(rows)


def by_key(networks: Sequence[Network], path: str, leaf: str, title: str, count: str = "") -> str:
    """A row for each data set and key of the object at ``path``, a column for each network with
    what lies at ``leaf`` below; ``count`` is the path of a count that all networks share."""
    rows = []
    for name in descriptions(networks):
        found = {n.title: look(n.metrics.get(name), path) or {} for n in networks}
        for key in dict.fromkeys(key for entry in found.values() for key in entry):
            row = {"data": f"`{name}`", title: key.replace("_", " ")}
            if count:
                row[count] = show(
                    next(look(e, f"{key}.{count}") for e in found.values() if key in e)
                )
            cells = {n: show(look(entry, f"{key}.{leaf}")) for n, entry in found.items()}
            if set(cells.values()) != {"–"}:
                rows.append(row | cells)
    return to_markdown(rows)


def differences(networks: Sequence[Network]) -> str:
    """The mean difference of Dice, "this minus that", of each two networks on each data set."""
    rows = []
    for first, second in combinations(networks, 2):
        pair = f"{first.title} minus {second.title}"
        for name in descriptions([first]):
            found = mean_difference(first, second, name)
            if found is not None:
                rows.append({"pair": pair, "data": f"`{name}`", "difference": signed(found)})
    return to_markdown(rows)


def signed(found: dict[str, float]) -> str:
    """A mean difference with its interval, for example ``+0.010 (−0.005 to +0.025)``; ``*`` marks
    an interval without zero."""
    mean, low, high = (f"{found[key]:+.3f}".replace("-", "−") for key in ("mean", "low", "high"))
    if isnan(found["low"]):
        return mean
    clear = " *" if found["low"] > 0 or found["high"] < 0 else ""
    return f"{mean} ({low} to {high}){clear}"


def unmeasured(networks: Sequence[Network]) -> str:
    """Where volumes have no spacing, so that voxels are counted."""
    names = [
        f"`{name}`"
        for name in descriptions(networks)
        if any(look(n.metrics.get(name), "challenge_unit") == "voxels" for n in networks)
    ]
    return f" (in {', '.join(names)})" if names else ""


def volume_words(network: Network) -> str:
    """How ``network`` judges volumes, and what that scored on training patients."""
    used = network.volume
    words = f"{used.words if used else ALONE}."
    if chosen := network.record.get("volume_settings"):
        before, after = (
            f"Dice {chosen[name]['dice']:.3f}, lesion-wise Dice {chosen[name]['lesion_dice']:.3f}, "
            f"{chosen[name]['seconds']:.1f} s a volume"
            for name in ("without", "with")
        )
        words += f" On {chosen['cases']} training volumes: {before} without settings"
        words += f"; {after} with these." if used else ", which none of the candidates improved."
    return words


def targets(networks: Sequence[Network], wanted: Sequence[dict]) -> str:
    """Each of ``wanted`` with the values of ``networks``; targets without a value are left out."""
    rows = []
    for target in wanted:
        values = [look(n.metrics.get(target["data"]), target["path"]) for n in networks]
        if any(value is not None for value in values):
            at_most = "at_most" in target
            limit = target["at_most"] if at_most else target["at_least"]
            row = {"data": f"`{target['data']}`", "metric": target["title"]}
            row["target"] = f"{'at most' if at_most else 'at least'} {limit:.2f}"
            for network, value in zip(networks, values):
                met = value is not None and (value <= limit if at_most else value >= limit)
                word = "" if value is None else ", met" if met else ", missed"
                # A value just short of the limit must not be rounded to it.
                close = value is not None and not met and round(value, 3) == limit
                row[network.title] = show(value, ".4f" if close else "") + word
            rows.append(row)
    return to_markdown(rows)
