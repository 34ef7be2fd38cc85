"""Replay of the golden set: send its cases to a runner, judge the answers, and test the runner's honesty."""

from pytest_caio.replay.answers import Answer, Answered, Question, RunnerFailure, load_answers, save_answers
from pytest_caio.replay.figures import Fall, Figures
from pytest_caio.replay.golden import GoldenCase, GoldenSet, load_golden
from pytest_caio.replay.honesty import CaseResult, Honesty, assess_honesty
from pytest_caio.replay.judge import Judgement, Score, judge
from pytest_caio.replay.run import Replay, replay_each, run_replay
from pytest_caio.replay.runners import CommandRunner, RecordedRunner, Runner

__all__ = [
    "Answer",
    "Answered",
    "CaseResult",
    "CommandRunner",
    "Fall",
    "Figures",
    "GoldenCase",
    "GoldenSet",
    "Honesty",
    "Judgement",
    "Question",
    "RecordedRunner",
    "Replay",
    "Runner",
    "RunnerFailure",
    "Score",
    "assess_honesty",
    "judge",
    "load_answers",
    "load_golden",
    "replay_each",
    "run_replay",
    "save_answers",
]
