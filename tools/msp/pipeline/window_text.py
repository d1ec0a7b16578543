"""Windows of deploy policies in the words of `gcloud deploy apply`, which people read more easily than the API's."""

from typing import Any

Json = dict[str, Any]

_MIDNIGHT: Json = {"hours": 24}


def readable(windows: Json) -> Json:
    """Windows with `2026-12-20 18:00` for a date and a time of day, and `18:00` for a time.

    gcloud 528 takes no others (command_lib/deploy/manifest_util.py, `_SetTimeWindows`).

    Args:
        windows: `TimeWindows` in the API's JSON.
    """
    made: Json = {"timeZone": windows.get("timeZone", "")}
    if once := windows.get("oneTimeWindows"):
        made["oneTimeWindows"] = [
            {side: f"{_date(window.get(f'{side}Date', {}))} {_time(window.get(f'{side}Time', {}))}" for side in _SIDES}
            for window in once
        ]
    if weekly := windows.get("weeklyWindows"):
        made["weeklyWindows"] = [_weekly(window) for window in weekly]
    return made


_SIDES = ("start", "end")


def _weekly(window: Json) -> Json:
    days = {"daysOfWeek": window["daysOfWeek"]} if window.get("daysOfWeek") else {}
    # Without times, it is the whole day (WeeklyWindow.start_time).
    end = window.get("endTime", {} if "startTime" in window else _MIDNIGHT)
    return days | {"startTime": _time(window.get("startTime", {})), "endTime": _time(end)}


def _date(date: Json) -> str:
    return f"{date.get('year', 0):04}-{date.get('month', 0):02}-{date.get('day', 0):02}"


def _time(time: Json) -> str:
    text = f"{time.get('hours', 0):02}:{time.get('minutes', 0):02}"
    if time.get("seconds") or time.get("nanos"):
        text += f":{time.get('seconds', 0):02}"
    return text + (f".{time['nanos']:09}" if time.get("nanos") else "")
