import asyncio
from datetime import timedelta

import pytest

from msp.localcloud.clock import ManualClock, SystemClock


def test_manual_clock_wakes_whom_it_reaches() -> None:
    async def scenario() -> list[str]:
        clock, woken = ManualClock(), []

        async def sleeper(name: str, minutes: int) -> None:
            await clock.sleep_until(clock.now() + timedelta(minutes=minutes))
            woken.append(name)

        early, late = asyncio.create_task(sleeper("early", 1)), asyncio.create_task(sleeper("late", 10))
        await asyncio.sleep(0)
        clock.advance(timedelta(minutes=1))
        await early
        assert not late.done()
        clock.advance(timedelta(minutes=9))
        await late
        return woken

    assert asyncio.run(scenario()) == ["early", "late"]


def test_manual_clock_never_goes_back() -> None:
    with pytest.raises(ValueError, match="forward"):
        ManualClock().advance(timedelta(seconds=-1))


def test_system_clock_returns_at_once_for_the_past() -> None:
    clock = SystemClock()
    asyncio.run(clock.sleep_until(clock.now()))
