"""`hef evaluate emotion`: the strategies side by side, the fit of a pair, and what each part is worth."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..error_messages import Misuse
from ..options import EmotionOptions, RayOptions, SampleOptions
from ..output import advancing, emit_report, faint_margin, figure_table, number, percent, report_skipped_rows
from ..render import ACCENT
from ..settings import load_settings
from .batch_round import ending_with_questions, open_batch
from .emotion_options import EmotionOutput, FitOptions, JudgeOptions, MeasureOptions, check_options

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from rich.table import Table

    from ...contract import HefContext
    from ...contract.progress import Progress
    from ...data.conversations import Sample
    from ...evaluation.emotion.ablations import Ablation
    from ...evaluation.emotion.emotion_metrics import EmotionReport, SetMetrics
    from ...evaluation.emotion.emotion_run import EmotionRun
    from ...evaluation.emotion.recorded_judge import RecordedJudge
    from ...evaluation.emotion.requery_gain import RequeryGain
    from ...evaluation.emotion.sem_llm_pair import SemLlmPair
    from ...sem import LargeSem, OnnxSem, Sem
    from ...sem.ray.cluster import Cluster
    from ..options import StrategyName
    from ..settings import Settings


def emotion(
    samples: SampleOptions,
    models: JudgeOptions,
    options: EmotionOptions,
    measure: MeasureOptions,
    fitting: FitOptions,
    output: EmotionOutput,
    ray: RayOptions,
) -> None:
    """Measure emotion accuracy of SEM, LLM and both.

    Every listener turn is one sample, its input all turns before it. Prints accuracy, calibration error and likelihood
    with 95% intervals over conversations, how the LLM's escapes and the re-queries went, and what it all cost. With
    --fit, one part of the conversations is fitted on and the other one measured on. With --shift, the contexts are
    joined conversations. Figures of each emotion and all confusions are in the JSON. With --ray many SEMs read at
    once, and as many LLMs are asked; every figure is the same but the time. With --model batch:FOLDER the LLM's
    questions are written there as questions.jsonl, in the form of the providers' batch interfaces, and the exit code
    is 3; put the answers beside it as answers.jsonl and run the same command again, until nothing new is asked.
    """
    settings = load_settings(models)
    check_options(measure, fitting)
    from ...contract import PoolingWeights
    from ...data.conversations import read_samples, subsample
    from ...evaluation.emotion.emotion_run import asked_settings, run_emotion
    from ...evaluation.emotion.recorded_judge import RecordedJudge
    from ...sem import resolve_sem

    sem = resolve_sem(settings.sem)
    if measure.shift:
        from .shift_tables import measure_shift

        return measure_shift(sem, settings, samples, options.context(), measure, fitting.fitted, output)
    recorded = _sem_in_folder(sem) if measure.record else None
    readable, skipped = read_samples(samples.data, sem.description.taxonomy.labels)
    report_skipped_rows(skipped)
    fit_file = fitting.fitted or (settings.fit if not fitting.fit else None)
    llm, context = open_llm(sem, settings, measure, samples.seed), options.context()
    strategies = measure.strategies
    if isinstance(llm, RecordedJudge):
        strategies = measure.answerable(llm.strategies)
        readable = _recorded(llm, readable, strategies)
    drawn = subsample(readable, samples.limit, samples.seed)
    with ending_with_questions(llm), advancing() as advance:
        pair = open_pair(sem, llm, settings, output.run, advance)
        if cluster := ray.cluster():
            asked = asked_settings(strategies, context, fits=fitting.fit is not None)
            pair = _on_ray(pair, settings, drawn, asked, cluster)
        run = run_emotion(
            pair,
            strategies,
            drawn,
            context,
            data=samples.data.name,
            seed=samples.seed,
            fit=PoolingWeights.from_file(fit_file) if fit_file else None,
            fit_share=fitting.fit_share if fitting.fit else None,
            cross_fit=fitting.cross_fit,
            ablate=measure.ablate,
        )
        looks = _second_look(sem, run, advance) if measure.second_look else []
    if fitting.fit and run.fit:
        run.fit.write(fitting.fit)
    if recorded:
        _record(recorded, run.reports[0])
    if output.plots:
        from ...evaluation.emotion.emotion_report import draw_plots

        draw_plots(run.reports[0], output.plots)
    details = {
        "limit": samples.limit,
        "seed": samples.seed,
        "broken": len(skipped),
        "primary": context.primary,
        "max_requeries": context.max_requeries,
        "first_question": context.first_question,
        "ask": context.ask,
    }
    _emit(samples.data, run, looks, details, output)


def open_llm(sem: Sem, settings: Settings, measure: MeasureOptions, seed: int) -> BaseChatModel | None:
    """Return the LLM, or the judge in its place; None where only the SEM is measured."""
    from ...evaluation.emotion.recorded_judge import recorded_judge
    from ...evaluation.emotion.scripted_judges import scripted_judge
    from ...llm import resolve_model

    if measure.strategies == ("sem_only",):
        return None
    recorded, broken = recorded_judge(settings.model)
    report_skipped_rows(broken)
    scripted = scripted_judge(settings.model, sem.description.taxonomy.labels, seed)
    return recorded or scripted or open_batch(settings.model) or resolve_model(settings.model)


def _recorded(judge: RecordedJudge, samples: Sequence[Sample], strategies: Sequence[StrategyName]) -> list[Sample]:
    """Return the samples with recorded answers, and count the others on stderr."""
    known = judge.recorded(samples, strategies)
    if others := len(samples) - len(known):
        typer.echo(f"{others:,} of {len(samples):,} turns have no recorded answer and are not measured", err=True)
    return known


def open_pair(
    sem: Sem, llm: BaseChatModel | None, settings: Settings, run: Path | None, advance: Progress
) -> SemLlmPair:
    """Return SEM and LLM with the cache of a run's folder."""
    from ...evaluation.caching_models import with_cache
    from ...evaluation.emotion.sem_llm_pair import SemLlmPair

    if llm is None:
        return SemLlmPair(sem, None, None, advance)
    model, cache = with_cache(llm, run / "answers.jsonl" if run and not _has_answers(llm) else None)
    return SemLlmPair(sem, model, cache, advance, settings.prompts)


def _has_answers(llm: BaseChatModel) -> bool:
    """Return whether an LLM's answers are in files already."""
    from ...evaluation.batch_chat import BatchChat
    from ...evaluation.emotion.recorded_judge import RecordedJudge

    return isinstance(llm, BatchChat | RecordedJudge)


def _on_ray(
    pair: SemLlmPair,
    settings: Settings,
    samples: Sequence[Sample],
    contexts: Sequence[HefContext],
    cluster: Cluster,
) -> SemLlmPair:
    """Read with the SEM on a cluster, and ask the LLM there in advance what the run is going to ask it."""
    from ...evaluation.batch_chat import BatchChat
    from ...evaluation.cache_prefetch import prefetch_answers
    from ...evaluation.emotion.recorded_judge import RecordedJudge
    from ...evaluation.emotion.scripted_judges import ScriptedJudge
    from ...sem.ray.cluster import SemReader, map_corpus

    if pair.cache is not None and pair.model and not isinstance(pair.model, ScriptedJudge | BatchChat | RecordedJudge):
        prefetch_answers(
            pair.cache,
            samples,
            contexts,
            cluster,
            sem=settings.sem,
            model=settings.model,
            prompts=settings.prompts,
            progress=pair.progress,
        )
    return replace(pair, read_batches=lambda batches: map_corpus(SemReader, [settings.sem], batches, cluster))


def _emit(
    data: Path, run: EmotionRun, looks: list[RequeryGain], details: dict[str, Any], output: EmotionOutput
) -> None:
    """Print the figures, and write them where the options say."""
    further = {"second_look": looks, "gain": run.gain, "fit": run.fit, "ablations": run.ablations}
    details |= {name: results for name, results in further.items() if results}
    tables = [_emotion_table(data.name, run)]
    tables += [_ablation_table(run.ablations)] if run.ablations else []
    tables += [_sets_table(report.sets) for report in run.reports if report.sets]
    tables += [_second_look_table(looks)] if looks else []
    if output.run:
        _write_run(data, run, details, output.run)
    emit_report("emotion", data, run.reports, details, output, tables)


def _write_run(data: Path, run: EmotionRun, details: dict[str, Any], folder: Path) -> None:
    from ...evaluation.emotion.emotion_report import write_report
    from ...evaluation.report import to_document, write

    write(folder / "figures.json", to_document("emotion", data, run.reports, details))
    command = shlex.join(["hef", *(word.replace(str(data), data.name) for word in sys.argv[1:])])
    write_report(run, folder, data=data.name, command=command, date=datetime.now(UTC).date().isoformat())


def _second_look(sem: Sem, run: EmotionRun, advance: Progress) -> list[RequeryGain]:
    from ...evaluation.emotion.requery_gain import evaluate_second_look

    first = [record.prediction for record in run.records["sem_only"]]
    return evaluate_second_look(sem, run.samples, first, progress=advance)


def _sem_in_folder(sem: Sem) -> OnnxSem | LargeSem:
    from ...sem import LargeSem, OnnxSem

    if not isinstance(sem, OnnxSem | LargeSem):
        raise Misuse("--record writes into the SEM's folder; give --sem FOLDER of an exported SEM")
    return sem


def _record(sem: OnnxSem | LargeSem, report: EmotionReport) -> None:
    """Write the figures of the SEM alone into its folder."""
    figures = {name: round(getattr(report, name).value, 4) for name in ("top1", "top3", "top5", "ece")}
    if report.sets:
        sets = report.sets["all"]
        figures |= {"coverage90": round(sets.coverage.value, 4), "size90": round(sets.size.value, 2)}
    sem.write_metrics({**figures, "samples": report.samples})


def _emotion_table(data: str, run: EmotionRun) -> Table:
    """Return one row per figure and one column per strategy; the gain of joining is the caption."""
    from ...evaluation.emotion.emotion_report import model_names, notes, strategy_rows

    first = run.reports[0]
    title = f"Emotion on {data}: {first.samples:,} samples of {first.conversations:,} conversations"
    names, *rows = strategy_rows(run.reports)
    caption = "\n".join([f"{model_names(run.reports)}; 95% intervals over conversations", *notes(run)])
    table = figure_table(title, names, caption, no_wrap=True)
    table.min_width = len(title)  # a single strategy makes a table narrower than its title
    for row in rows:
        table.add_row(*row, style=f"bold {ACCENT}" if row[0] == "accuracy" else "")
    return table


def _ablation_table(ablations: Sequence[Ablation]) -> Table:
    """Return one row per variant of two_stage."""
    from ...evaluation.emotion.emotion_report import ablation_rows

    names, *rows = ablation_rows(ablations)
    table = figure_table("Two-stage prediction without its parts", names)
    for row in rows:
        table.add_row(*row)
    return table


def _sets_table(sets: Mapping[str, SetMetrics]) -> Table:
    """Return one row per group of contexts: how often prediction sets include the emotion, and their size."""
    from ...evaluation.emotion.emotion_metrics import CONTEXTS

    title = "Prediction sets meant to include the emotion in 90% of cases"
    table = figure_table(title, ("contexts", "samples", "included", "emotions in a set"))
    for name, figures in sets.items():
        table.add_row(CONTEXTS[name], f"{figures.samples:,}", percent(figures.coverage), number(figures.size, 2))
    return table


def _second_look_table(looks: Sequence[RequeryGain]) -> Table:
    """Return one row per view: accuracy on the least certain third, with and without it."""
    first = looks[0]
    table = figure_table(
        f"Second look: the {first.samples:,} least certain samples (first choice at most {first.confidence:.0%})",
        ("second look at", "first alone", "both", "gain in points", "samples it changes"),
        "pooled as the graph pools its rounds; 95% intervals over conversations",
    )
    for look in looks:
        name = {"last_turn": "the last turn", "speaker": "the speaker"}.get(look.view, look.view)
        table.add_row(
            name, percent(look.first), percent(look.both), faint_margin(look.gain.difference()), f"{look.differing:,}"
        )
    return table
