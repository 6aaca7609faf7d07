"""Blocks dealt out to ranks: each once, balanced between unlike ranks, whatever they report."""

import numpy as np
import pytest

from darkbattery.runs.ranks.team import Hand, Pool, Report, divide


def made_by(speeds, blocks, step=0.25):
    """Seconds until all is made, and the blocks in the order of making, by ranks of given speeds.

    The same rounds as over messages: all report, rank 0 answers, each works for `step` seconds.
    """
    hands = [Hand(((i, i + 1),)) for i in range(len(speeds))]
    pool, made, seconds = Pool([(len(speeds), blocks)]), [], 0.0
    for hand, speed in zip(hands, speeds, strict=True):
        made.append(hand.take(1.0))
        hand.made(1, 1.0 / speed)
    while sum(end - begin for begin, end in made) < blocks:
        reports = [
            Report(
                held=hand.held,
                speed=hand.speed,
                unknown=0,
                idle=int(not hand.ranges),
                held_seconds=hand.held_seconds,
                reaction=0.05,
                piece=0.02,
                returned=hand.give_back(1.0),
            )
            for hand in hands
        ]
        whole = reports[0]
        for report in reports[1:]:
            whole = whole + report
        for hand, share in zip(hands, divide(pool.answer(whole), reports), strict=True):
            hand.ranges += share.ranges
        for hand, speed in zip(hands, speeds, strict=True):
            left = speed * step
            while hand.ranges and left >= 1.0:
                begin, end = hand.take(left / max(hand.speed, 1e-9))
                made.append((begin, end))
                hand.made(end - begin, (end - begin) / speed)
                left -= end - begin
        seconds += step
    return seconds, made


@pytest.mark.parametrize("speeds", [(1000.0, 1000.0), (1000.0, 100.0), (800.0, 50.0, 400.0)])
def test_each_block_is_made_once_and_unlike_ranks_end_together(speeds):
    blocks = 20_000
    seconds, made = made_by(speeds, blocks)
    seen = np.zeros(blocks, int)
    for begin, end in made:
        seen[begin:end] += 1
    assert (seen == 1).all()
    # the rounds are 0.25 s apart: the first knows nothing, and three at most are lost at the end
    assert seconds <= blocks / sum(speeds) + 4 * 0.25


def test_who_holds_too_much_gives_back():
    hand = Hand(((0, 1000),))
    hand.made(10, 1.0)  # 10 blocks a second: 100 s of work
    assert hand.give_back(2.0) == ((20, 1000),)
    assert hand.ranges == ((0, 20),)
    assert hand.give_back(2.0) == ()


def test_a_request_to_stop_comes_before_all_else():
    report = Report(5, 1.0, 0, 0, 5.0, 0.1, 0.1, asked=True, due=True)
    assert Pool([(0, 100)]).answer(report).order == "stop"
